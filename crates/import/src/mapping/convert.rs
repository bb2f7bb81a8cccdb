//! From what stands in a file to JSON of a field's kind.
//!
//! What is written here is what the files of pandas, spreadsheets and databases hold; whatever could
//! mean two things is refused.

use std::io::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use protean_core::schema::{Field, Kind};
use rust_decimal::Decimal;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The most characters of a value that a message repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// Writes the value that a text stands for. Nothing is written where there is none and the command
/// can do without it: empty text is no value.
///
/// # Errors
/// What was expected instead, in a sentence.
pub(super) fn text(field: &Field, text: Option<&str>, json: &mut Vec<u8>) -> Result<(), String> {
    let text = text.unwrap_or_default();
    let text = match field.kind {
        Kind::Text => text,
        _ => text.trim(),
    };
    if text.is_empty() {
        return match field.kind {
            _ if field.optional || field.defaulted => Ok(()),
            // The rules of the field say what they make of it.
            Kind::Text => quoted("", json),
            _ => Err("is required".to_owned()),
        };
    }
    match field.kind {
        Kind::Text if text.contains('\0') => Err("expected text, found a NUL character".to_owned()),
        Kind::Text => quoted(text, json),
        Kind::Integer => integer(text, json),
        Kind::Float => float(text, json),
        Kind::Boolean => boolean(text, json),
        Kind::Decimal => decimal(text, json),
        Kind::Uuid => uuid(text, json),
        Kind::Timestamp => timestamp(text, json),
        Kind::Json => document(text, json),
    }
}

/// Writes the value that a JSON value stands for.
///
/// # Errors
/// What was expected instead, in a sentence.
pub(super) fn value(field: &Field, value: &RawValue, json: &mut Vec<u8>) -> Result<(), String> {
    let raw = value.get();
    match raw.as_bytes().first() {
        _ if field.kind == Kind::Json && raw != "null" => put(raw, json),
        Some(b'n') => text(field, None, json),
        Some(b'"') => match serde_json::from_str::<std::borrow::Cow<'_, str>>(raw) {
            Ok(string) => text(field, Some(&string), json),
            Err(_) => Err(format!("expected text, found {}", shown(raw))),
        },
        // Programs that guess types make numbers of what are digits.
        Some(b'-' | b'0'..=b'9') => text(field, Some(raw), json),
        Some(b't' | b'f') if field.kind == Kind::Boolean => put(raw, json),
        _ => Err(expected(kind(field.kind), raw)),
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "a whole number",
        Kind::Float | Kind::Decimal => "a number such as 9.99",
        Kind::Boolean => "true or false",
        Kind::Uuid => "a UUID",
        Kind::Timestamp => "a time such as 2026-01-31T12:00:00Z",
        Kind::Json => "a JSON document",
    }
}

fn expected(what: &str, found: &str) -> String {
    format!("expected {what}, found {}", shown(found))
}

fn shown(found: &str) -> String {
    let mut characters = found.chars();
    let start: String = characters.by_ref().take(SHOWN_CHARS_MAX).collect();
    let more = if characters.next().is_some() {
        "…"
    } else {
        ""
    };
    format!("\"{}{more}\"", start.escape_debug())
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "it stands beside those that can fail"
)]
fn put(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    json.extend_from_slice(text.as_bytes());
    Ok(())
}

fn quoted(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    serde_json::to_writer(json, text).map_err(|error| error.to_string())
}

/// A whole number; one with nothing but zeros behind its point is what pandas makes of a column in
/// which a value is missing.
fn integer(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        _ => text,
    };
    let number: i64 = whole
        .parse()
        .map_err(|_| expected(kind(Kind::Integer), text))?;
    write!(json, "{number}").map_err(|error| error.to_string())
}

fn float(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    let number: f64 = text
        .parse()
        .map_err(|_| expected(kind(Kind::Float), text))?;
    if !number.is_finite() {
        return Err(expected("a finite number", text));
    }
    serde_json::to_writer(json, &number).map_err(|error| error.to_string())
}

fn boolean(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    const TRUE: [&str; 6] = ["true", "t", "yes", "y", "on", "1"];
    const FALSE: [&str; 6] = ["false", "f", "no", "n", "off", "0"];
    let is = |words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is(TRUE), is(FALSE)) {
        (true, _) => put("true", json),
        (_, true) => put("false", json),
        _ => Err(expected(kind(Kind::Boolean), text)),
    }
}

/// An exact number: one with more digits than can be kept is refused, not rounded.
fn decimal(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    let plain = Decimal::from_str_exact(text);
    let number = match plain {
        Ok(number) => number,
        Err(_) if text.contains(['e', 'E']) => {
            Decimal::from_scientific(text).map_err(|_| expected(kind(Kind::Decimal), text))?
        }
        // One with too many digits can be read by rounding it.
        Err(_) if text.parse::<Decimal>().is_ok() => {
            return Err(expected("a number of at most 28 digits", text));
        }
        Err(_) => return Err(expected(kind(Kind::Decimal), text)),
    };
    write!(json, "\"{number}\"").map_err(|error| error.to_string())
}

fn uuid(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    let id = Uuid::try_parse(text).map_err(|_| expected(kind(Kind::Uuid), text))?;
    write!(json, "\"{id}\"").map_err(|error| error.to_string())
}

/// A moment; without an offset it is in UTC, and without a time it is midnight.
fn timestamp(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    let moment = text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(civil).ok()
    });
    let moment = moment.ok_or_else(|| expected(kind(Kind::Timestamp), text))?;
    write!(json, "\"{moment}\"").map_err(|error| error.to_string())
}

fn document(text: &str, json: &mut Vec<u8>) -> Result<(), String> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => put(text, json),
        Err(_) => Err(expected(kind(Kind::Json), text)),
    }
}
