//! The text format of PostgreSQL's `COPY`: fields between tabs, `\N` for no value, and escapes
//! where a tab or an end of line is meant.

use super::lines::Lines;
use super::separated::Split;
use super::shape::Raw;
use crate::error::Error;
use crate::input::Text;
use crate::limits::COLUMNS_MAX;

/// What stands for no value.
const NULL: &[u8] = b"\\N";

/// What some versions write behind the last row.
const END: &[u8] = b"\\.";

/// Finds the rows of such a file.
pub(super) struct Postgres {
    lines: Lines,
    delimiter: u8,
    line: Vec<u8>,
}

impl Postgres {
    pub(super) const fn new(file: String, text: Text, delimiter: u8) -> Self {
        Self {
            lines: Lines::new(file, text),
            delimiter,
            line: Vec::new(),
        }
    }
}

impl Split for Postgres {
    fn next(&mut self, raw: &mut Raw, bytes_max: usize) -> Result<bool, Error> {
        if !self.lines.next(&mut self.line, bytes_max)? || self.line == END {
            return Ok(false);
        }
        raw.clear(self.lines.line);
        raw.bytes.clear();
        let mut rest = Some(&*self.line);
        while let Some(line) = rest {
            if raw.ends.len() == COLUMNS_MAX {
                return Err(Error::TooManyFields {
                    file: self.lines.file.clone(),
                    line: self.lines.line,
                });
            }
            let field;
            (field, rest) = split(line, self.delimiter);
            if field != NULL {
                unescape(field, &mut raw.bytes);
            }
            raw.ends.push((raw.bytes.len(), field == NULL));
        }
        Ok(true)
    }

    fn file(&self) -> &str {
        &self.lines.file
    }
}

/// The first field of a line, and what is behind its delimiter: one that no backslash is before.
fn split(line: &[u8], delimiter: u8) -> (&[u8], Option<&[u8]>) {
    let mut at = 0;
    while at < line.len() {
        match line[at] {
            b'\\' => at += 2,
            byte if byte == delimiter => return (&line[..at], Some(&line[at + 1..])),
            _ => at += 1,
        }
    }
    (line, None)
}

/// What a field means, put behind `plain`.
fn unescape(mut field: &[u8], plain: &mut Vec<u8>) {
    while let Some(at) = field.iter().position(|byte| *byte == b'\\') {
        plain.extend_from_slice(&field[..at]);
        let digits = &field[at + 1..];
        let Some((&escape, rest)) = digits.split_first() else {
            return plain.push(b'\\');
        };
        field = rest;
        match escape {
            b'b' => plain.push(0x08),
            b'f' => plain.push(0x0c),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'v' => plain.push(0x0b),
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
                field = number(rest, 16, 2, plain);
            }
            b'0'..=b'7' => field = number(digits, 8, 3, plain),
            other => plain.push(other),
        }
    }
    plain.extend_from_slice(field);
}

/// Takes the byte that at most so many digits spell, and gives the rest back.
fn number<'a>(text: &'a [u8], radix: u32, digits: usize, plain: &mut Vec<u8>) -> &'a [u8] {
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let used = text.iter().take(digits).take_while(is_digit).count();
    let value = text[..used].iter().fold(0_u32, |value, byte| {
        value * radix + char::from(*byte).to_digit(radix).unwrap_or_default()
    });
    // As PostgreSQL does, only the lower eight bits of an octal number are kept.
    plain.push(u8::try_from(value & 0xff).unwrap_or_default());
    &text[used..]
}

/// A field as the format writes it, put behind `line`.
pub(crate) fn escape(field: Option<&[u8]>, delimiter: u8, line: &mut Vec<u8>) {
    let Some(field) = field else {
        return line.extend_from_slice(NULL);
    };
    for &byte in field {
        let escaped = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            byte if byte == delimiter => byte,
            byte => {
                line.push(byte);
                continue;
            }
        };
        line.extend_from_slice(&[b'\\', escaped]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_what_postgresql_means() {
        for (field, expected) in [
            (r"a\tb\nc\\d", "a\tb\nc\\d"),
            (r"\x41\x4z\101\0", "A\u{4}zA\0"),
            (r"\q\.", "q."),
            (r"end\", "end\\"),
            (r"\xyz", "xyz"),
        ] {
            let mut plain = Vec::new();
            unescape(field.as_bytes(), &mut plain);
            assert_eq!(String::from_utf8(plain).unwrap(), expected, "{field}");
        }
    }

    #[test]
    fn what_is_escaped_reads_the_same() {
        for field in ["", "a\tb\r\n\\N", "\\", "|"] {
            let (mut line, mut plain) = (Vec::new(), Vec::new());
            escape(Some(field.as_bytes()), b'\t', &mut line);
            assert!(
                !line.contains(&b'\t') && !line.contains(&b'\n'),
                "{field:?}"
            );
            unescape(&line, &mut plain);
            assert_eq!(plain, field.as_bytes());
        }
    }
}
