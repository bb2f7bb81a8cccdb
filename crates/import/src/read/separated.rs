//! Files of rows with fields, whatever separates them.

use super::shape::{Raw, Shape};
use super::{Read, Rows};
use crate::error::Error;
use crate::limits::{HEADER_BYTES_MAX, ROW_BYTES_MAX};

/// What finds the rows and fields of a format.
pub(super) trait Split: Send {
    /// The next row, of at most so many bytes; `false` at the end. Blank lines are none.
    fn next(&mut self, raw: &mut Raw, bytes_max: usize) -> Result<bool, Error>;

    /// The file's name, for errors.
    fn file(&self) -> &str;
}

/// The rows of such a file.
pub(super) struct Separated<S> {
    split: S,
    shape: Shape,
    raw: Raw,
    ordinal: u64,
    /// The first row was read to see whether it names the columns, and does not.
    waiting: bool,
}

impl<S: Split> Separated<S> {
    /// Reads the header, unless the columns are given.
    pub(super) fn open(mut split: S, columns: Option<Vec<String>>) -> Result<Self, Error> {
        let mut raw = Raw::default();
        let bytes_max = match columns {
            Some(_) => ROW_BYTES_MAX,
            None => HEADER_BYTES_MAX,
        };
        let found = split
            .next(&mut raw, bytes_max)
            .map_err(|error| match error {
                Error::RowTooLong { file, .. } if columns.is_none() => {
                    Error::header_too_long(&file)
                }
                error => error,
            })?;
        let (shape, waiting) = match columns {
            Some(names) if found && Shape::is_reserved(&raw) => {
                let shape = Shape::of_names(split.file(), names)?;
                (shape.behind_reserved(), false)
            }
            Some(names) => (Shape::of_names(split.file(), names)?, found),
            None if found => (Shape::of_header(split.file(), &raw)?, false),
            None => {
                let file = split.file().to_owned();
                return Err(Error::Empty { file });
            }
        };
        Ok(Self {
            split,
            shape,
            raw,
            ordinal: 0,
            waiting,
        })
    }

    fn advance(&mut self) -> Result<bool, Error> {
        let waiting = std::mem::take(&mut self.waiting);
        let found = waiting || self.split.next(&mut self.raw, ROW_BYTES_MAX)?;
        self.ordinal += u64::from(found);
        Ok(found)
    }
}

impl<S: Split> Rows for Separated<S> {
    fn columns(&self) -> &[String] {
        &self.shape.columns
    }

    fn next(&mut self) -> Result<Option<Read>, Error> {
        let found = self.advance()?;
        Ok(found.then(|| self.shape.row(&self.raw, self.ordinal - 1)))
    }

    fn skip(&mut self) -> Result<bool, Error> {
        self.advance()
    }
}
