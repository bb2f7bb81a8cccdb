//! The one form of a payload: keys in order, no white space, numbers as they were written.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Error, scan};

/// How deep a payload may be nested, so that no text exhausts the stack.
pub(super) const DEPTH_MAX: usize = 64;

/// The SHA-256 of a payload, in hexadecimal digits, over the text that Python's
/// `json.dumps(payload, sort_keys=True, separators=(",", ":"))` makes of it.
///
/// # Errors
/// When the payload is no JSON.
///
/// ```
/// use protean_core::message::envelope::checksum;
///
/// let written = checksum(r#"{"b": 1.0, "a": "ü"}"#)?;
/// assert_eq!(written, checksum(r#"{"a":"\u00fc","b":1.0}"#)?);
/// # Ok::<(), protean_core::message::envelope::Error>(())
/// ```
pub fn checksum(payload: &str) -> Result<String, Error> {
    match scan::digest(payload) {
        Some(digest) => Ok(hexadecimal(digest)),
        None => checksum_anew(payload),
    }
}

/// The checksum of a payload in whatever form.
pub(super) fn checksum_anew(payload: &str) -> Result<String, Error> {
    let raw = parse(payload)?;
    let mut text = String::with_capacity(payload.len() + payload.len() / 4);
    Writer {
        string: python_string,
        number: python_number,
    }
    .write(raw, &mut text, 0)?;
    Ok(hexadecimal(Sha256::digest(text.as_bytes()).into()))
}

/// A payload as messages hold it, with its checksum: keys in order, no white space, and nothing
/// else changed.
///
/// # Errors
/// When the payload is no JSON.
pub(super) fn payload(payload: &RawValue) -> Result<(String, String), Error> {
    if let Some(digest) = scan::digest(payload.get()) {
        return Ok((payload.get().to_owned(), hexadecimal(digest)));
    }
    let text = canonical(payload)?;
    // Python makes the same text of both.
    let checksum = checksum(&text)?;
    Ok((text, checksum))
}

/// The one form of a payload, written anew.
pub(super) fn canonical(payload: &RawValue) -> Result<String, Error> {
    let mut text = String::with_capacity(payload.get().len());
    Writer {
        string: plain_string,
        number: |number, text| text.push_str(number),
    }
    .write(payload, &mut text, 0)?;
    Ok(text)
}

fn hexadecimal(digest: [u8; 32]) -> String {
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        text.push(hex_digit(byte >> 4));
        text.push(hex_digit(byte));
    }
    text
}

/// The digit for the lower half of a byte.
fn hex_digit(byte: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(byte & 0xf)])
}

fn parse(text: &str) -> Result<&RawValue, Error> {
    serde_json::from_str(text).map_err(|error| Error::malformed(error.to_string()))
}

/// How scalars are written.
#[derive(Clone, Copy)]
struct Writer {
    string: fn(&str, &mut String),
    number: fn(&str, &mut String),
}

impl Writer {
    fn write(self, value: &RawValue, text: &mut String, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            let why = format!("the payload is nested more than {DEPTH_MAX} deep");
            return Err(Error::malformed(why));
        }
        let malformed = |error: serde_json::Error| Error::malformed(error.to_string());
        let raw = value.get();
        match raw.as_bytes().first() {
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> =
                    serde_json::from_str(raw).map_err(malformed)?;
                text.push('{');
                for (nth, (key, value)) in members.into_iter().enumerate() {
                    text.push_str(if nth == 0 { "" } else { "," });
                    (self.string)(&key, text);
                    text.push(':');
                    self.write(value, text, depth + 1)?;
                }
                text.push('}');
            }
            Some(b'[') => {
                let values: Vec<&RawValue> = serde_json::from_str(raw).map_err(malformed)?;
                text.push('[');
                for (nth, value) in values.into_iter().enumerate() {
                    text.push_str(if nth == 0 { "" } else { "," });
                    self.write(value, text, depth + 1)?;
                }
                text.push(']');
            }
            Some(b'"') => {
                let string: String = serde_json::from_str(raw).map_err(malformed)?;
                (self.string)(&string, text);
            }
            Some(b'-' | b'0'..=b'9') => (self.number)(raw, text),
            _ => text.push_str(raw),
        }
        Ok(())
    }
}

fn plain_string(string: &str, text: &mut String) {
    // A string always has a JSON form.
    text.push_str(&serde_json::to_string(string).unwrap_or_default());
}

/// A string in ASCII: everything else as `\uXXXX`, in pairs where one is not enough.
fn python_string(string: &str, text: &mut String) {
    text.push('"');
    for char in string.chars() {
        python_char(char, text);
    }
    text.push('"');
}

/// A character inside a string.
pub(super) fn python_char(char: char, text: &mut String) {
    match char {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{8}' => text.push_str("\\b"),
        '\u{c}' => text.push_str("\\f"),
        ' '..='~' => text.push(char),
        _ => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let [high, low] = unit.to_be_bytes();
                text.push_str("\\u");
                for half in [high >> 4, high, low >> 4, low] {
                    text.push(hex_digit(half));
                }
            }
        }
    }
}

/// A number as Python writes it after it has read it: whole ones as they are, others as `repr`.
pub(super) fn python_number(number: &str, text: &mut String) {
    if !number.contains(['.', 'e', 'E']) {
        text.push_str(if number == "-0" { "0" } else { number });
        return;
    }
    // JSON's numbers are a part of Rust's, so this does not fail.
    let value: f64 = number.parse().unwrap_or(f64::NAN);
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
        return;
    }
    let shortest = format!("{value:e}");
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let plain = value.to_string();
        text.push_str(&plain);
        text.push_str(if plain.contains('.') { "" } else { ".0" });
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(text, "{mantissa}e{sign}{:02}", exponent.abs());
    }
}
