//! Pages: their heads, and their content unpacked.

use std::io::{Cursor, Read};

use flate2::Crc;
use flate2::bufread::MultiGzDecoder;

use super::Bad;
use super::thrift::{Thrift, Type};
use crate::input::Frames;

/// The most bytes a page may have when it is unpacked: writers end pages at one MiB, and some write
/// a row group of some hundred thousand values as one.
pub(super) const PAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The most values of a page, which may be far more than its bytes.
const PAGE_VALUES_MAX: u64 = 1 << 24;

/// What pages are packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Snappy,
    Gzip,
    Zstd,
}

impl Codec {
    pub(super) fn of(number: i64) -> Result<Self, Bad> {
        let name = match number {
            0 => return Ok(Self::None),
            1 => return Ok(Self::Snappy),
            2 => return Ok(Self::Gzip),
            6 => return Ok(Self::Zstd),
            3 => "LZO",
            4 => "Brotli",
            5 | 7 => "LZ4",
            _ => return Err(Bad::damaged(format!("its packing has the number {number}"))),
        };
        Err(Bad::Unread {
            what: format!("{name} packing"),
            advice: "write it with snappy, zstd, gzip or none",
        })
    }

    /// The content of a page, which has to have so many bytes.
    pub(super) fn unpack(self, packed: Vec<u8>, bytes: usize) -> Result<Vec<u8>, Bad> {
        let unpacked = match self {
            Self::None => packed,
            Self::Snappy => {
                let length = snap::raw::decompress_len(&packed)
                    .map_err(|why| Bad::damaged(why.to_string()))?;
                if length != bytes {
                    return Err(wrong_size(bytes, length));
                }
                let mut decoder = snap::raw::Decoder::new();
                decoder
                    .decompress_vec(&packed)
                    .map_err(|why| Bad::damaged(why.to_string()))?
            }
            Self::Gzip => read(MultiGzDecoder::new(&*packed), bytes)?,
            Self::Zstd => read(Frames::new(Box::new(Cursor::new(packed))), bytes)?,
        };
        match unpacked.len() == bytes {
            true => Ok(unpacked),
            false => Err(wrong_size(bytes, unpacked.len())),
        }
    }
}

/// Reads one byte more than there should be, at most.
fn read(packed: impl Read, bytes: usize) -> Result<Vec<u8>, Bad> {
    let mut unpacked = Vec::new();
    let mut packed = packed.take(bytes as u64 + 1);
    packed
        .read_to_end(&mut unpacked)
        .map_err(|why| Bad::damaged(why.to_string()))?;
    Ok(unpacked)
}

fn wrong_size(expected: usize, found: usize) -> Bad {
    Bad::damaged(format!(
        "a page should have {expected} bytes and has {found}"
    ))
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Values,
    /// Values whose levels are not packed, and have so many bytes: what repeats, and what is there.
    ValuesBehindLevels {
        repetition: u64,
        definition: u64,
    },
    Dictionary,
    /// Nothing that is needed.
    Other,
}

/// The head of a page.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) content: Content,
    pub(super) bytes: usize,
    pub(super) packed_bytes: usize,
    /// Values, those that are not there among them.
    pub(super) values: u64,
    pub(super) encoding: i64,
    /// How the levels of what is there are written, where the page says it.
    pub(super) levels: Option<i64>,
    pub(super) is_packed: bool,
    crc: Option<u32>,
}

impl Head {
    /// Reads a head, and says how many bytes it has.
    ///
    /// # Errors
    /// [`Bad::Ended`] when there is more of it.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), Bad> {
        let mut thrift = Thrift::new(bytes);
        let (mut kind, mut size, mut packed) = (-1, None, None);
        let mut head = Self {
            content: Content::Other,
            bytes: 0,
            packed_bytes: 0,
            values: 0,
            encoding: -1,
            levels: None,
            is_packed: true,
            crc: None,
        };
        thrift.fields(|thrift, id, of| {
            match id {
                1 => kind = thrift.number(of)?,
                2 => size = Some(thrift.count(of)?),
                3 => packed = Some(thrift.count(of)?),
                4 => head.crc = Some(crc_of(thrift.number(of)?)),
                5 => head.values(thrift, of)?,
                7 => head.dictionary(thrift, of)?,
                8 => head.values_behind_levels(thrift, of)?,
                _ => thrift.skip(of)?,
            }
            Ok(())
        })?;
        let (Some(size), Some(packed)) = (size, packed) else {
            return Err(Bad::damaged("a page does not say how long it is"));
        };
        (head.bytes, head.packed_bytes) = (within(size)?, within(packed)?);
        head.check(kind)?;
        Ok((head, thrift.at()))
    }

    fn check(&mut self, kind: i64) -> Result<(), Bad> {
        let fits = match kind {
            0 => self.content == Content::Values,
            2 => self.content == Content::Dictionary,
            3 => matches!(self.content, Content::ValuesBehindLevels { .. }),
            _ => {
                self.content = Content::Other;
                true
            }
        };
        if !fits {
            return Err(Bad::damaged("a page is not what it says it is"));
        }
        match self.values > PAGE_VALUES_MAX {
            true => Err(Bad::TooLarge(format!("a page of {} values", self.values))),
            false => Ok(()),
        }
    }

    fn values(&mut self, thrift: &mut Thrift<'_>, of: Type) -> Result<(), Bad> {
        self.content = Content::Values;
        thrift.structure(of, |thrift, id, of| match id {
            1 => thrift.count(of).map(|values| self.values = values),
            2 => thrift.number(of).map(|encoding| self.encoding = encoding),
            3 => thrift.number(of).map(|levels| self.levels = Some(levels)),
            _ => thrift.skip(of),
        })
    }

    fn dictionary(&mut self, thrift: &mut Thrift<'_>, of: Type) -> Result<(), Bad> {
        self.content = Content::Dictionary;
        thrift.structure(of, |thrift, id, of| match id {
            1 => thrift.count(of).map(|values| self.values = values),
            2 => thrift.number(of).map(|encoding| self.encoding = encoding),
            _ => thrift.skip(of),
        })
    }

    fn values_behind_levels(&mut self, thrift: &mut Thrift<'_>, of: Type) -> Result<(), Bad> {
        let (mut repetition, mut definition) = (0, 0);
        thrift.structure(of, |thrift, id, of| match id {
            1 => thrift.count(of).map(|values| self.values = values),
            4 => thrift.number(of).map(|encoding| self.encoding = encoding),
            5 => thrift.count(of).map(|bytes| definition = bytes),
            6 => thrift.count(of).map(|bytes| repetition = bytes),
            7 => Thrift::flag(of).map(|is_packed| self.is_packed = is_packed),
            _ => thrift.skip(of),
        })?;
        self.content = Content::ValuesBehindLevels {
            repetition,
            definition,
        };
        Ok(())
    }

    /// Compares what was read with its checksum, if it has one.
    pub(super) fn verify(&self, packed: &[u8]) -> Result<(), Bad> {
        let Some(expected) = self.crc else {
            return Ok(());
        };
        let mut crc = Crc::new();
        crc.update(packed);
        match crc.sum() == expected {
            true => Ok(()),
            false => Err(Bad::damaged("the checksum of a page is wrong")),
        }
    }
}

fn within(bytes: u64) -> Result<usize, Bad> {
    if bytes > PAGE_BYTES_MAX {
        return Err(Bad::TooLarge(format!("a page of {bytes} bytes")));
    }
    usize::try_from(bytes).map_err(|_| Bad::Ended)
}

/// A checksum is written as a number with a sign.
fn crc_of(number: i64) -> u32 {
    u32::try_from(number & 0xffff_ffff).unwrap_or_default()
}
