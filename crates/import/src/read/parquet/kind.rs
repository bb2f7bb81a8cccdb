//! What the values of a column are, and what they are as text.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use uuid::Uuid;

use super::Bad;

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    /// So many bytes each.
    Fixed(usize),
}

/// The longest values of a fixed length: what is longer is no number and no identity.
const FIXED_BYTES_MAX: u64 = 64 * 1024;

impl Physical {
    pub(super) fn of(number: i64, length: u64) -> Result<Self, Bad> {
        Ok(match number {
            0 => Self::Boolean,
            1 => Self::Int32,
            2 => Self::Int64,
            3 => Self::Int96,
            4 => Self::Float,
            5 => Self::Double,
            6 => Self::Bytes,
            7 if (1..=FIXED_BYTES_MAX).contains(&length) => {
                Self::Fixed(usize::try_from(length).unwrap_or_default())
            }
            _ => {
                let why = format!("a column is of type {number}, with {length} bytes");
                return Err(Bad::damaged(why));
            }
        })
    }

    const fn is_exact(self) -> bool {
        matches!(
            self,
            Self::Int32 | Self::Int64 | Self::Bytes | Self::Fixed(_)
        )
    }

    /// The bytes of a value, where all have as many.
    pub(super) const fn width(self) -> Option<usize> {
        match self {
            Self::Boolean | Self::Bytes => None,
            Self::Int32 | Self::Float => Some(4),
            Self::Int64 | Self::Double => Some(8),
            Self::Int96 => Some(12),
            Self::Fixed(width) => Some(width),
        }
    }
}

/// A part of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    const fn nanos(self) -> i128 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }
}

/// What a file says that the values of a column mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Meaning {
    #[default]
    Plain,
    Text,
    /// So many digits behind the point.
    Decimal(i64),
    Date,
    Time(Unit),
    Timestamp(Unit),
    Signed,
    Unsigned,
    Uuid,
    Half,
    /// Something that is no value of a command.
    Other(&'static str),
}

/// What values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Signed,
    Unsigned,
    Float,
    Double,
    Half,
    /// A number without a point, of which so many digits are behind one.
    Fraction(usize),
    /// The same as bytes, the highest first.
    Decimal(usize),
    Date,
    Time(Unit),
    Timestamp(Unit),
    Int96,
    Uuid,
    Text,
}

/// The most digits behind the point of a number: as many as it has at most.
const SCALE_MAX: usize = 38;

/// The day with which INT96 begins to count, as days before 1970.
const JULIAN_DAYS: i64 = 2_440_588;

const DAY_NANOS: i128 = 86_400_000_000_000;

impl Kind {
    /// What values are that are stored and meant so.
    pub(super) fn of(physical: Physical, meaning: Meaning) -> Result<Self, Bad> {
        use Physical::{Boolean, Bytes, Double, Fixed, Float, Int32, Int64, Int96};
        Ok(match (meaning, physical) {
            (Meaning::Other(what), _) => {
                return Err(Bad::Unread {
                    what: what.to_owned(),
                    advice: "leave that column out, or write it as text",
                });
            }
            (Meaning::Decimal(scale), _) if physical.is_exact() => {
                let fits = usize::try_from(scale).ok().filter(|it| *it <= SCALE_MAX);
                let why = || Bad::damaged(format!("numbers have {scale} digits behind the point"));
                let scale = fits.ok_or_else(why)?;
                match physical {
                    Int32 | Int64 => Self::Fraction(scale),
                    _ => Self::Decimal(scale),
                }
            }
            (Meaning::Date, Int32) => Self::Date,
            (Meaning::Time(unit), Int32 | Int64) => Self::Time(unit),
            (Meaning::Timestamp(unit), Int64) => Self::Timestamp(unit),
            (Meaning::Unsigned, Int32 | Int64) => Self::Unsigned,
            (Meaning::Signed | Meaning::Plain, Int32 | Int64) => Self::Signed,
            (Meaning::Uuid, Fixed(16)) => Self::Uuid,
            (Meaning::Half, Fixed(2)) => Self::Half,
            (Meaning::Text | Meaning::Plain, Bytes) | (Meaning::Plain, Fixed(_)) => Self::Text,
            (Meaning::Plain, Boolean) => Self::Boolean,
            (Meaning::Plain, Int96) => Self::Int96,
            (Meaning::Plain, Float) => Self::Float,
            (Meaning::Plain, Double) => Self::Double,
            (meaning, physical) => {
                let why = format!("{meaning:?} is stored as {physical:?}");
                return Err(Bad::damaged(why.to_lowercase()));
            }
        })
    }

    /// Writes a value as text.
    ///
    /// # Errors
    /// When it is none of its kind, in a sentence; what it is stored as is written then.
    pub(super) fn write(self, value: &[u8], text: &mut Vec<u8>) -> Result<(), String> {
        let written = match self {
            Self::Text => return put(text, value),
            Self::Boolean => return put(text, if value == [0] { b"false" } else { b"true" }),
            Self::Signed => Some(integer(value).to_string()),
            Self::Unsigned => Some(unsigned(value).to_string()),
            Self::Float => Some(f32::from_le_bytes(array(value)).to_string()),
            Self::Double => Some(f64::from_le_bytes(array(value)).to_string()),
            Self::Half => Some(half(u16::from_le_bytes(array(value))).to_string()),
            Self::Uuid => Some(Uuid::from_bytes(array(value)).to_string()),
            Self::Fraction(scale) => Some(decimal(integer(value).into(), scale)),
            Self::Decimal(scale) => i128_of(value).map(|digits| decimal(digits, scale)),
            Self::Date => date(integer(value)),
            Self::Time(unit) => time(i128::from(integer(value)) * unit.nanos()),
            Self::Timestamp(unit) => timestamp(i128::from(integer(value)) * unit.nanos()),
            Self::Int96 => timestamp(int96(value)),
        };
        if let Some(written) = written {
            return put(text, written.as_bytes());
        }
        let raw = match self {
            Self::Decimal(_) | Self::Int96 => hex(value),
            _ => integer(value).to_string(),
        };
        let message = format!("expected {}, found {raw}", self.expected());
        put(text, raw.as_bytes())?;
        Err(message)
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Decimal(_) => "a number of at most 38 digits",
            Self::Date => "a day between the years -9999 and 9999",
            Self::Time(_) => "a time of the day",
            _ => "a time between the years -9999 and 9999",
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "it stands beside what can fail")]
fn put(text: &mut Vec<u8>, value: &[u8]) -> Result<(), String> {
    text.extend_from_slice(value);
    Ok(())
}

/// The first bytes; a column's values have as many as its kind needs.
fn array<const N: usize>(value: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    let count = N.min(value.len());
    bytes[..count].copy_from_slice(&value[..count]);
    bytes
}

fn integer(value: &[u8]) -> i64 {
    match value.len() {
        8 => i64::from_le_bytes(array(value)),
        _ => i64::from(i32::from_le_bytes(array(value))),
    }
}

fn unsigned(value: &[u8]) -> u64 {
    match value.len() {
        8 => u64::from_le_bytes(array(value)),
        _ => u64::from(u32::from_le_bytes(array(value))),
    }
}

/// A number of 16 bits with a point.
fn half(bits: u16) -> f32 {
    const LEAST: f32 = 1.0 / 16_777_216.0;
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let size = match exponent {
        0 => f32::from(bits & 0x3ff) * LEAST,
        31 => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    f32::from_bits(sign | size.to_bits())
}

/// An exact number with so many of its digits behind the point.
fn decimal(digits: i128, scale: usize) -> String {
    let mut text = digits.unsigned_abs().to_string();
    if scale > 0 {
        while text.len() <= scale {
            text.insert(0, '0');
        }
        text.insert(text.len() - scale, '.');
    }
    if digits < 0 {
        text.insert(0, '-');
    }
    text
}

/// A whole number of bytes with the highest first, if it is not too great.
fn i128_of(value: &[u8]) -> Option<i128> {
    let fill = match value.first() {
        Some(first) if first & 0x80 != 0 => 0xff,
        _ => 0,
    };
    let (more, last) = value.split_at(value.len().saturating_sub(16));
    if more.iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut bytes = [fill; 16];
    bytes[16 - last.len()..].copy_from_slice(last);
    let number = i128::from_be_bytes(bytes);
    (more.is_empty() || (number < 0) == (fill != 0)).then_some(number)
}

fn date(days: i64) -> Option<String> {
    let start = Date::constant(1970, 1, 1);
    let days = jiff::Span::new().try_days(days).ok()?;
    Some(start.checked_add(days).ok()?.to_string())
}

fn time(nanos: i128) -> Option<String> {
    if !(0..DAY_NANOS).contains(&nanos) {
        return None;
    }
    let moment = Timestamp::from_nanosecond(nanos).ok()?;
    Some(Offset::UTC.to_datetime(moment).time().to_string())
}

/// A moment. One that is of no zone is in UTC, as everywhere in files.
fn timestamp(nanos: i128) -> Option<String> {
    Some(Timestamp::from_nanosecond(nanos).ok()?.to_string())
}

/// Nanoseconds of a day, and the day.
fn int96(value: &[u8]) -> i128 {
    let nanos = u64::from_le_bytes(array(value));
    let day = u32::from_le_bytes(array(value.get(8..).unwrap_or_default()));
    i128::from(i64::from(day) - JULIAN_DAYS) * DAY_NANOS + i128::from(nanos)
}

fn hex(value: &[u8]) -> String {
    let mut text = String::from("0x");
    for byte in value.iter().take(32) {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
