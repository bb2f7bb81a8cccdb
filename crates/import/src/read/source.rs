//! An opened file.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::csv::Csv;
use super::json::Json;
use super::parquet::{self, Bytes, Parquet};
use super::postgres::Postgres;
use super::separated::Separated;
use super::{Read, Rows};
use crate::error::{self, Error};
use crate::format::{self, Format, Reading};
use crate::input::{self, Input, Meter};
use crate::limits::HEADER_BYTES_MAX;

/// A file, opened and known to have rows; iterates over them.
///
/// Reads ahead no more than a buffer, and holds no more than a row.
pub struct Source {
    file: String,
    layout: Layout,
    rows: Box<dyn Rows>,
    meter: Arc<Meter>,
    position: u64,
}

/// How a file is laid out, which is how its rejects are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The form.
    pub format: Format,
    /// What separates fields, where there are any.
    pub delimiter: char,
    /// The names of the columns; in JSON Lines the keys of the first row.
    pub columns: Vec<String>,
    /// Whether the file's encoding is not UTF-8, or was said not to be. What is written beside it
    /// is, and says so.
    pub foreign: bool,
}

impl Source {
    /// Opens a file, or standard input for `-`, and reads its header.
    ///
    /// # Errors
    /// When it cannot be read, is empty, or its header cannot be one.
    pub fn open(path: &Path, reading: &Reading) -> Result<Self, Error> {
        if let Some(opened) = input::open_if(path, parquet::MAGIC)? {
            let name = path.display().to_string();
            return Self::parquet_of(name, opened.file, opened.bytes, reading);
        }
        let input = Input::open(path, reading.encoding)?;
        Self::of(input, format::of_name(path), reading)
    }

    /// Reads Parquet from what can be read from any place.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parquet(
        file: &str,
        mut bytes: impl io::Read + io::Seek + Send + 'static,
    ) -> Result<Self, Error> {
        let name = file.to_owned();
        match bytes.seek(io::SeekFrom::End(0)) {
            Ok(length) => Self::parquet_of(name, bytes, length, &Reading::default()),
            Err(why) => Err(Error::Unreadable { file: name, why }),
        }
    }

    fn parquet_of(
        file: String,
        bytes: impl Bytes + 'static,
        length: u64,
        reading: &Reading,
    ) -> Result<Self, Error> {
        reading.fits_parquet()?;
        let meter = Arc::new(Meter::new(Some(length)));
        let rows = Parquet::open(file.clone(), bytes, &meter)?;
        let layout = Layout {
            format: Format::Parquet,
            delimiter: ',',
            columns: rows.columns().to_vec(),
            foreign: false,
        };
        Ok(Self {
            file,
            layout,
            rows: Box::new(rows),
            meter,
            position: 0,
        })
    }

    /// Reads from anything; `file` is what errors call it, and its end may tell the format.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_reader(
        file: &str,
        reader: impl io::Read + Send + 'static,
        reading: &Reading,
    ) -> Result<Self, Error> {
        let input = Input::of(file.to_owned(), Box::new(reader), None, reading.encoding)?;
        Self::of(input, format::of_name(Path::new(file)), reading)
    }

    fn of(
        input: Input,
        (named, separated): (Option<Format>, Option<u8>),
        reading: &Reading,
    ) -> Result<Self, Error> {
        let Input {
            file,
            text,
            foreign,
            meter,
        } = input;
        let is_line = |head: &[u8]| head.contains(&b'\n') || head.len() > HEADER_BYTES_MAX;
        let (head, text) = input::peek(text, is_line).map_err(|why| error::at(&file, 0, why))?;
        let format = reading
            .format
            .or(named)
            .unwrap_or_else(|| format::of_text(&head));
        if head.starts_with(parquet::MAGIC) {
            return Err(Error::StreamedParquet { file });
        }
        let columns = reading.columns.clone();
        let name = file.clone();
        let (delimiter, rows): (u8, Box<dyn Rows>) = match format {
            Format::Csv => {
                let said = reading.delimiter()?.or(separated);
                let delimiter = said.unwrap_or_else(|| format::delimiter_of(&head));
                let split = Csv::new(name, text, delimiter);
                (delimiter, Box::new(Separated::open(split, columns)?))
            }
            Format::Text => {
                let delimiter = reading.delimiter()?.unwrap_or(b'\t');
                let split = Postgres::new(name, text, delimiter);
                (delimiter, Box::new(Separated::open(split, columns)?))
            }
            Format::Json => (b',', Box::new(Json::open(name, text)?)),
            Format::Parquet => return Err(Error::NoParquet { file }),
        };
        let layout = Layout {
            format,
            delimiter: char::from(delimiter),
            columns: rows.columns().to_vec(),
            foreign,
        };
        Ok(Self {
            file,
            layout,
            rows,
            meter,
            position: 0,
        })
    }

    /// What errors call the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// How it is laid out.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The names of its columns; in JSON Lines the keys of the first row.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.layout.columns
    }

    /// How far the file was read, to be looked at from anywhere.
    #[must_use]
    pub const fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// How many rows were read or passed over, good and bad: the ordinal of the next row.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Passes over so many rows, or as many as there are; how many that were.
    ///
    /// # Errors
    /// As reading them.
    pub fn skip_rows(&mut self, rows: u64) -> Result<u64, Error> {
        let skipped = self.rows.skip_many(rows)?;
        self.position += skipped;
        Ok(skipped)
    }
}

impl Iterator for Source {
    type Item = Result<Read, Error>;

    /// The next row. After an error there is nothing more to be had.
    fn next(&mut self) -> Option<Self::Item> {
        let read = self.rows.next().transpose()?;
        self.position += u64::from(read.is_ok());
        Some(read)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("file", &self.file)
            .field("layout", &self.layout)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
