//! Recognising payloads that have their one form already, which all that are written here have.
//!
//! One pass tells it and makes the checksum, without a tree and mostly without a copy. The pass is
//! strict: of everything that it does not know to be in that form it says so, and the payload is
//! written anew. So it may refuse what it could have taken, and never takes what it must not.

use sha2::{Digest, Sha256};

use super::canonical::{DEPTH_MAX, python_char, python_number};

/// The SHA-256 of the text that Python makes of a payload, if the payload has its one form.
pub(super) fn digest(payload: &str) -> Option<[u8; 32]> {
    let mut scan = Scan {
        text: payload,
        at: 0,
        python: String::new(),
        taken: 0,
    };
    scan.value(0)?;
    if scan.at != payload.len() {
        return None;
    }
    if scan.taken == 0 {
        return Some(Sha256::digest(payload).into());
    }
    scan.python.push_str(payload.get(scan.taken..)?);
    Some(Sha256::digest(scan.python).into())
}

struct Scan<'a> {
    text: &'a str,
    /// Everything before it has been read.
    at: usize,
    /// What Python writes for everything before `taken`. Empty as long as that is the same.
    python: String,
    taken: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes past this byte, if it is the next.
    fn next_is(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        let ahead = self.text.as_bytes().get(self.at..)?;
        ahead.starts_with(text.as_bytes()).then_some(())?;
        self.at += text.len();
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' if depth < DEPTH_MAX => self.object(depth),
            b'[' if depth < DEPTH_MAX => self.array(depth),
            b'"' => self.string().map(|_| ()),
            b't' => self.expect("true"),
            b'f' => self.expect("false"),
            b'n' => self.expect("null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.expect("{")?;
        if self.next_is(b'}') {
            return Some(());
        }
        let mut last: Option<&[u8]> = None;
        loop {
            let key = self.string()?;
            // An escaped key may sort otherwise than it is written.
            if key.contains(&b'\\') || last.is_some_and(|last| last >= key) {
                return None;
            }
            last = Some(key);
            self.expect(":")?;
            self.value(depth + 1)?;
            if self.next_is(b'}') {
                return Some(());
            }
            self.expect(",")?;
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.expect("[")?;
        if self.next_is(b']') {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            if self.next_is(b']') {
                return Some(());
            }
            self.expect(",")?;
        }
    }

    /// A string, what is between its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect("\"")?;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return self.text.as_bytes().get(start..self.at - 1);
                }
                b'\\' => {
                    self.at += 1;
                    // Others have a shorter form.
                    let escaped = self.peek()?;
                    matches!(escaped, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')
                        .then_some(())?;
                    self.at += 1;
                }
                b' '..=b'~' => self.at += 1,
                0..b' ' => return None,
                _ => self.wide_char()?,
            }
        }
    }

    /// A character that Python escapes, and this does not.
    fn wide_char(&mut self) -> Option<()> {
        let char = self.text.get(self.at..)?.chars().next()?;
        let start = self.at;
        self.at += char.len_utf8();
        self.copy_until(start)?;
        python_char(char, &mut self.python);
        self.taken = self.at;
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.next_is(b'-');
        if !self.next_is(b'0') {
            self.digits()?;
        }
        if self.next_is(b'.') {
            self.digits()?;
        }
        if self.next_is(b'e') || self.next_is(b'E') {
            let _ = self.next_is(b'+') || self.next_is(b'-');
            self.digits()?;
        }
        let number = self.text.get(start..self.at)?;
        if number == "-0" || number.contains(['.', 'e', 'E']) {
            self.copy_until(start)?;
            python_number(number, &mut self.python);
            self.taken = self.at;
        }
        Some(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// Takes over what Python writes alike.
    fn copy_until(&mut self, end: usize) -> Option<()> {
        if self.taken == 0 {
            self.python.reserve(2 * self.text.len());
        }
        self.python.push_str(self.text.get(self.taken..end)?);
        Some(())
    }
}
