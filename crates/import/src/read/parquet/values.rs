//! The values of a page, one after another.

use super::Bad;
use super::delta::Delta;
use super::kind::Physical;
use super::runs::Runs;
use crate::limits::FIELD_BYTES_MAX;

/// The values that a column refers to by their numbers.
#[derive(Debug)]
pub(super) struct Dictionary {
    bytes: Vec<u8>,
    physical: Physical,
    /// Where each value begins and ends, where their lengths differ.
    places: Vec<(u32, u32)>,
}

impl Dictionary {
    /// Values that stand one after another.
    pub(super) fn new(bytes: Vec<u8>, physical: Physical, count: u64) -> Result<Self, Bad> {
        let mut places = Vec::new();
        if physical == Physical::Bytes {
            // Each has a length of four bytes at least.
            let most = usize::try_from(count).unwrap_or(usize::MAX);
            places.reserve_exact(most.min(bytes.len() / 4));
            let mut at = 0;
            for _ in 0..count {
                let (start, end) = bytes_at(&bytes, at)?;
                let place = |at: usize| u32::try_from(at).map_err(|_| Bad::Ended);
                places.push((place(start)?, place(end)?));
                at = end;
            }
        }
        Ok(Self {
            bytes,
            physical,
            places,
        })
    }

    /// About how much memory it holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len() + size_of::<(u32, u32)>() * self.places.capacity()
    }

    fn get(&self, nth: u32) -> Result<&[u8], Bad> {
        let nth = nth as usize;
        let found = match self.physical.width() {
            Some(width) => self.bytes.get(nth * width..(nth + 1) * width),
            None => {
                let place = self.places.get(nth).copied();
                place.and_then(|(start, end)| self.bytes.get(start as usize..end as usize))
            }
        };
        found.ok_or_else(|| Bad::damaged(format!("its dictionary has no value {nth}")))
    }
}

/// What reads values, each in the way they are written.
#[derive(Debug)]
pub(super) enum Values {
    /// One after another, of so many bytes.
    Fixed { at: usize, width: usize },
    /// One after another, each behind its length.
    Bytes { at: usize },
    /// A bit each.
    Bits { bit: usize },
    /// Booleans in runs.
    Flags(Runs),
    /// Numbers in a dictionary.
    Numbers(Runs),
    /// What each number adds, of so many bytes.
    Deltas { numbers: Delta, width: usize },
    /// All lengths before all bytes.
    Lengths { lengths: Delta, at: usize },
    /// The same, of what is not the beginning of the value before.
    Prefixes {
        prefixes: Delta,
        suffixes: Delta,
        at: usize,
    },
    /// The first bytes of all values, then the second bytes, and so on.
    Split {
        start: usize,
        nth: usize,
        count: usize,
    },
}

impl Values {
    /// Reads values that begin at a place, written as a number says.
    pub(super) fn new(
        page: &[u8],
        at: usize,
        encoding: i64,
        physical: Physical,
    ) -> Result<Self, Bad> {
        let end = page.len();
        Ok(match (encoding, physical, physical.width()) {
            (0, Physical::Boolean, _) => Self::Bits { bit: 8 * at },
            (0, _, Some(width)) => Self::Fixed { at, width },
            (0, ..) => Self::Bytes { at },
            // A page without a value may have no byte.
            (2 | 8, ..) if at >= end => Self::Numbers(Runs::new(end, end, 0)?),
            (2 | 8, ..) => Self::Numbers(Runs::new(at + 1, end, page[at])?),
            (3, Physical::Boolean, _) => {
                let (start, end) = bytes_at(page, at)?;
                Self::Flags(Runs::new(start, end, 1)?)
            }
            (5, Physical::Int32 | Physical::Int64, Some(width)) => Self::Deltas {
                numbers: Delta::new(page, at)?,
                width,
            },
            (6, Physical::Bytes, _) => {
                let lengths = Delta::new(page, at)?;
                let at = lengths.end(page)?;
                Self::Lengths { lengths, at }
            }
            (7, Physical::Bytes | Physical::Fixed(_), _) => {
                let prefixes = Delta::new(page, at)?;
                let suffixes = Delta::new(page, prefixes.end(page)?)?;
                let at = suffixes.end(page)?;
                Self::Prefixes {
                    prefixes,
                    suffixes,
                    at,
                }
            }
            (9, _, Some(width)) => Self::Split {
                start: at,
                nth: 0,
                count: (end - at.min(end)) / width,
            },
            _ => return Err(unread(encoding)),
        })
    }

    /// The next value, as its bytes. `value` keeps the one before, where that is needed.
    pub(super) fn next<'a>(
        &mut self,
        page: &'a [u8],
        physical: Physical,
        dictionary: Option<&'a Dictionary>,
        value: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Bad> {
        match self {
            Self::Fixed { at, width } => {
                let found = page.get(*at..*at + *width).ok_or(Bad::Ended)?;
                *at += *width;
                Ok(found)
            }
            Self::Bytes { at } => {
                let (start, end) = bytes_at(page, *at)?;
                *at = end;
                Ok(&page[start..end])
            }
            Self::Bits { bit } => {
                let byte = page.get(*bit / 8).ok_or(Bad::Ended)?;
                let is_set = byte >> (*bit % 8) & 1 == 1;
                *bit += 1;
                Ok(flag(is_set))
            }
            Self::Flags(runs) => Ok(flag(runs.next(page)? != 0)),
            Self::Numbers(runs) => {
                let none = || Bad::damaged("it refers to a dictionary that is not there");
                let nth = runs.next(page)?;
                dictionary.ok_or_else(none)?.get(nth)
            }
            Self::Deltas { numbers, width } => {
                let number = numbers.next(page)?.to_le_bytes();
                value.clear();
                value.extend_from_slice(&number[..*width]);
                Ok(value)
            }
            Self::Lengths { lengths, at } => {
                let (start, end) = part(page, *at, lengths.next(page)?)?;
                *at = end;
                Ok(&page[start..end])
            }
            Self::Prefixes {
                prefixes,
                suffixes,
                at,
            } => {
                let prefix = prefixes.next(page)?;
                let (start, end) = part(page, *at, suffixes.next(page)?)?;
                *at = end;
                extend(value, prefix, &page[start..end])?;
                fitting(value, physical)
            }
            Self::Split { start, nth, count } => {
                value.clear();
                let places = (*start + *nth..).step_by((*count).max(1));
                for place in places.take(physical.width().unwrap_or_default()) {
                    value.push(page.get(place).copied().ok_or(Bad::Ended)?);
                }
                *nth += 1;
                match *nth > *count {
                    true => Err(Bad::Ended),
                    false => Ok(value),
                }
            }
        }
    }
}

const fn flag(is_set: bool) -> &'static [u8] {
    if is_set { &[1] } else { &[0] }
}

/// Bytes behind their length: where they begin and end.
pub(super) fn bytes_at(page: &[u8], at: usize) -> Result<(usize, usize), Bad> {
    let length = page.get(at..at + 4).ok_or(Bad::Ended)?;
    let mut bytes = [0; 4];
    bytes.copy_from_slice(length);
    part(page, at + 4, i64::from(u32::from_le_bytes(bytes)))
}

fn part(page: &[u8], at: usize, length: i64) -> Result<(usize, usize), Bad> {
    let length = usize::try_from(length).map_err(|_| Bad::damaged("a length is below zero"))?;
    let end = at.checked_add(length).filter(|end| *end <= page.len());
    Ok((at, end.ok_or(Bad::Ended)?))
}

/// Makes a value of the beginning of the one before and what follows.
fn extend(value: &mut Vec<u8>, prefix: i64, suffix: &[u8]) -> Result<(), Bad> {
    let prefix = usize::try_from(prefix).ok().filter(|it| *it <= value.len());
    let why = || Bad::damaged("a value begins with more than the one before has");
    value.truncate(prefix.ok_or_else(why)?);
    value.extend_from_slice(suffix);
    match value.len() > FIELD_BYTES_MAX {
        true => Err(Bad::TooLarge(format!("a value of {} bytes", value.len()))),
        false => Ok(()),
    }
}

/// A value of a fixed length has that.
fn fitting(value: &[u8], physical: Physical) -> Result<&[u8], Bad> {
    match physical.width() {
        Some(width) if width != value.len() => {
            let found = value.len();
            let why = format!("a value should have {width} bytes and has {found}");
            Err(Bad::damaged(why))
        }
        _ => Ok(value),
    }
}

fn unread(encoding: i64) -> Bad {
    Bad::Unread {
        what: format!("values in the encoding {encoding}"),
        advice: "write it with plain or dictionary encoding",
    }
}
