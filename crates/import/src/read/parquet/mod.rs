//! Parquet, as far as it is rows of values: columns that hold no lists and no structures.
//!
//! A file says how large everything in it is, and nothing of that is believed: pages, dictionaries
//! and what is held of all columns together have bounds, and what is read from a page is read
//! within it. Values become the text that they would be in a CSV file, so that every format has one
//! way to a command.

mod delta;
mod footer;
mod kind;
mod page;
mod part;
mod runs;
mod thrift;
mod values;

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use self::footer::{Column, Footer};
use self::part::Reader;
use super::row::{Problem, Reject};
use super::shape::{Raw, Shape};
use super::{Read as Found, Rows};
use crate::error::Error;
use crate::input::{Counted, Meter};
use crate::limits::{
    HELD_BYTES_MAX, PARQUET_RATIO_MAX, RATIO_FROM_BYTES, ROW_BYTES_MAX, SELF_BYTES_MAX,
};

/// What every file begins and ends with.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

/// What files end with of which even the description is encrypted.
const ENCRYPTED: &[u8; 4] = b"PARE";

/// The length of the description, and the last four bytes.
const TAIL_BYTES: u64 = 8;

/// A file that can be read from any place.
pub(crate) trait Bytes: Read + Seek + Send {}

impl<T: Read + Seek + Send> Bytes for T {}

/// What is wrong with a part of a file; where it is gets said by whoever knows.
#[derive(Debug)]
enum Bad {
    /// There is less than there should be.
    Ended,
    Damaged(String),
    /// It is what is not read.
    Unread {
        what: String,
        advice: &'static str,
    },
    /// It is beyond a bound.
    TooLarge(String),
    Io(io::Error),
    /// It is wrong in this column.
    Column(String, Box<Self>),
}

impl Bad {
    fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged(why.into())
    }

    fn of_column(self, column: &str) -> Self {
        Self::Column(column.to_owned(), Box::new(self))
    }

    /// The error that it is in a file, at a place.
    fn at(self, file: &str, place: &str) -> Error {
        let (file, place) = (file.to_owned(), place.to_owned());
        match self {
            Self::Ended => {
                let why = "it ends too early".to_owned();
                Error::DamagedParquet { file, place, why }
            }
            Self::Damaged(why) => Error::DamagedParquet { file, place, why },
            Self::Unread { what, advice } => Error::UnreadParquet {
                file,
                place,
                what,
                advice,
            },
            Self::TooLarge(what) => Error::LargeParquet { file, place, what },
            Self::Io(why) => Error::Unreadable { file, why },
            Self::Column(column, bad) => {
                let place = match place.is_empty() {
                    true => format!("column \"{column}\""),
                    false => format!("column \"{column}\", {place}"),
                };
                bad.at(&file, &place)
            }
        }
    }
}

/// The rows of a Parquet file.
pub(super) struct Parquet {
    file: String,
    bytes: Box<dyn Bytes>,
    meter: Arc<Meter>,
    footer: Footer,
    shape: Shape,
    /// The row group that is read, and how many of its rows are left.
    group: usize,
    left: u64,
    readers: Vec<Reader>,
    held_bytes: usize,
    ordinal: u64,
    /// How many bytes the rows were that were made.
    made_bytes: u64,
    raw: Raw,
}

impl Parquet {
    /// Reads what the file says of itself; counts all that is read of it.
    pub(super) fn open(
        file: String,
        bytes: impl Bytes + 'static,
        meter: &Arc<Meter>,
    ) -> Result<Self, Error> {
        let mut bytes = Counted::new(bytes, meter);
        let footer = footer(&mut bytes).map_err(|bad| bad.at(&file, "in its description"))?;
        let names = footer.columns.iter().map(|column| column.name.clone());
        let shape = Shape::of_names(&file, names.collect())?;
        Ok(Self {
            file,
            bytes: Box::new(bytes),
            meter: meter.clone(),
            footer,
            shape,
            group: 0,
            left: 0,
            readers: Vec::new(),
            held_bytes: 0,
            ordinal: 0,
            made_bytes: 0,
            raw: Raw::default(),
        })
    }

    /// Goes to a row group that has rows left; whether there is one.
    fn enter(&mut self) -> bool {
        while self.left == 0 {
            let next = self.group + usize::from(!self.readers.is_empty());
            let Some(group) = self.footer.groups.get(next) else {
                return false;
            };
            self.group = next;
            self.left = group.rows;
            self.readers = group.parts.iter().copied().map(Reader::new).collect();
            self.held_bytes = 0;
        }
        true
    }

    /// Reads the values of the next row; what is wrong with those that are none of their kind.
    fn advance(&mut self) -> Result<Vec<Problem>, Error> {
        self.raw.clear(self.ordinal + 1);
        self.raw.bytes.clear();
        let mut problems = Vec::new();
        for nth in 0..self.readers.len() {
            let column = &self.footer.columns[nth];
            let reader = &mut self.readers[nth];
            let mut found = Ok(());
            if reader.is_empty() {
                self.held_bytes -= reader.held_bytes();
                let room = HELD_BYTES_MAX.saturating_sub(self.held_bytes);
                found = reader.load(&mut *self.bytes, column, room);
                self.held_bytes += reader.held_bytes();
            }
            let added = found.and_then(|()| add(column, reader, &mut self.raw));
            match added {
                Ok(problem) => problems.extend(problem),
                Err(bad) => return Err(bad.of_column(&column.name).at(&self.file, &self.place())),
            }
        }
        self.left -= 1;
        self.ordinal += 1;
        self.check_size()?;
        Ok(problems)
    }

    /// Ends a file that is made to keep somebody busy.
    fn check_size(&mut self) -> Result<(), Error> {
        self.made_bytes += (self.raw.bytes.len() + self.raw.ends.len()) as u64;
        let read = self.meter.bytes_read();
        if self.made_bytes > RATIO_FROM_BYTES && self.made_bytes / PARQUET_RATIO_MAX > read {
            let what = format!("rows of more than {PARQUET_RATIO_MAX} times its size");
            return Err(Bad::TooLarge(what).at(&self.file, &self.place()));
        }
        Ok(())
    }

    fn place(&self) -> String {
        format!("row group {}, after row {}", self.group + 1, self.ordinal)
    }
}

/// Adds the next value of a column to a row; what is wrong with it, if anything is.
fn add(column: &Column, reader: &mut Reader, raw: &mut Raw) -> Result<Option<Problem>, Bad> {
    let value = reader.next(column)?;
    let before = raw.bytes.len();
    if value.is_some_and(|value| before + value.len() > ROW_BYTES_MAX) {
        return Err(Bad::TooLarge("a row".to_owned()));
    }
    let written = match value {
        Some(value) => column.kind.write(value, &mut raw.bytes),
        None => Ok(()),
    };
    raw.ends.push((raw.bytes.len(), value.is_none()));
    Ok(written
        .err()
        .map(|message| Problem::of(&column.name, message)))
}

fn footer(bytes: &mut dyn Bytes) -> Result<Footer, Bad> {
    let all = bytes.seek(SeekFrom::End(0)).map_err(Bad::Io)?;
    let start = part::read(bytes, 0, all.min(MAGIC.len() as u64))?;
    if start != MAGIC {
        return Err(Bad::damaged("it does not begin with the letters PAR1"));
    }
    if all < TAIL_BYTES + MAGIC.len() as u64 {
        return Err(Bad::Ended);
    }
    let tail = part::read(bytes, all - TAIL_BYTES, TAIL_BYTES)?;
    let (length, magic) = tail.split_at(4);
    if magic == ENCRYPTED {
        return Err(footer::encrypted());
    }
    if magic != MAGIC {
        return Err(Bad::damaged("it does not end with the letters PAR1"));
    }
    let mut number = [0; 4];
    number.copy_from_slice(length);
    let length = u64::from(u32::from_le_bytes(number));
    if length > SELF_BYTES_MAX {
        let what = format!("a description of {length} bytes");
        return Err(Bad::TooLarge(what));
    }
    let at = (all - TAIL_BYTES).checked_sub(length).ok_or(Bad::Ended)?;
    let read = part::read(bytes, at, length)?;
    Footer::read(&read, all)
}

impl Rows for Parquet {
    fn columns(&self) -> &[String] {
        &self.shape.columns
    }

    fn next(&mut self) -> Result<Option<Found>, Error> {
        if !self.enter() {
            return Ok(None);
        }
        let problems = self.advance()?;
        let ordinal = self.ordinal - 1;
        if problems.is_empty() {
            return Ok(Some(self.shape.row(&self.raw, ordinal)));
        }
        Ok(Some(Err(Reject {
            line: self.raw.line,
            ordinal,
            original: self.shape.original(&self.raw),
            problems,
        })))
    }

    fn skip(&mut self) -> Result<bool, Error> {
        Ok(self.enter() && self.advance().map(|_| true)?)
    }

    /// Passes over row groups without reading them.
    fn skip_many(&mut self, rows: u64) -> Result<u64, Error> {
        let mut skipped = 0;
        while skipped < rows && self.enter() {
            let group = self.footer.groups.get(self.group);
            let is_whole = group.is_some_and(|group| group.rows == self.left);
            if is_whole && self.left <= rows - skipped {
                skipped += self.left;
                self.ordinal += self.left;
                self.left = 0;
            } else {
                self.advance()?;
                skipped += 1;
            }
        }
        Ok(skipped)
    }
}
