//! CSV and TSV: fields that are separated by one character and may stand in quotes.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::separated::Split;
use super::shape::Raw;
use crate::error::{self, Error};
use crate::input::Text;
use crate::limits::COLUMNS_MAX;

/// Room for a usual row; it grows to that of the longest, up to the bounds.
const ROW_BYTES: usize = 1024;
const ROW_FIELDS: usize = 32;

/// Given to the parser behind the last byte: it ends a row that has no end of line, and is a part of
/// a field only where a quote was never closed.
const END: &[u8] = b"\n";

/// Finds the rows of a CSV file.
pub(super) struct Csv {
    file: String,
    text: Text,
    reader: Reader,
    /// The line of the next byte, from 1.
    line: u64,
    /// Whether the last byte was the first half of an end of line, or all of it.
    after_return: bool,
    ends: Vec<usize>,
}

impl Csv {
    pub(super) fn new(file: String, text: Text, delimiter: u8) -> Self {
        Self {
            file,
            text,
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            line: 1,
            after_return: false,
            ends: vec![0; ROW_FIELDS],
        }
    }

    /// Passes over what ends lines, so that the next row's line is known.
    fn skip_line_ends(&mut self) -> Result<(), Error> {
        loop {
            let (line, file) = (self.line - 1, &self.file);
            let text = self.text.fill_buf();
            let text = text.map_err(|why| error::at(file, line, why))?;
            let mut passed = 0;
            for &byte in text {
                if byte == b'\n' || self.after_return {
                    self.line += 1;
                }
                self.after_return = byte == b'\r';
                if byte != b'\n' && byte != b'\r' {
                    break;
                }
                passed += 1;
            }
            let done = passed < text.len() || text.is_empty();
            self.text.consume(passed);
            if done {
                return Ok(());
            }
        }
    }

    /// Reads one row into `row` and `ends`; how many fields it has, or nothing at the end.
    fn read(&mut self, row: &mut Vec<u8>, bytes_max: usize) -> Result<Option<usize>, Error> {
        let start = self.line;
        if row.len() < ROW_BYTES {
            row.resize(ROW_BYTES, 0);
        }
        let (mut bytes, mut ends) = (0, 0);
        loop {
            let text = self.text.fill_buf();
            let text = text.map_err(|why| error::at(&self.file, start - 1, why))?;
            let at_end = text.is_empty();
            let (result, read, written, ended) = self.reader.read_record(
                if at_end { END } else { text },
                &mut row[bytes..],
                &mut self.ends[ends..],
            );
            if !at_end {
                self.line += newlines(&text[..read]);
                self.after_return = text[..read].last() == Some(&b'\r');
                self.text.consume(read);
            }
            bytes += written;
            ends += ended;
            match result {
                ReadRecordResult::Record => return Ok(Some(ends)),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::InputEmpty if !at_end => {}
                ReadRecordResult::InputEmpty if bytes == 0 && ends == 0 => return Ok(None),
                ReadRecordResult::InputEmpty => {
                    let file = self.file.clone();
                    return Err(Error::OpenQuote { file, line: start });
                }
                ReadRecordResult::OutputFull if bytes >= bytes_max => {
                    let file = self.file.clone();
                    return Err(Error::RowTooLong { file, line: start });
                }
                ReadRecordResult::OutputFull => {
                    let room = (2 * row.len()).min(bytes_max);
                    row.resize(room.max(row.len()), 0);
                }
                ReadRecordResult::OutputEndsFull if ends >= COLUMNS_MAX => {
                    let file = self.file.clone();
                    return Err(Error::TooManyFields { file, line: start });
                }
                ReadRecordResult::OutputEndsFull => {
                    self.ends.resize((2 * self.ends.len()).min(COLUMNS_MAX), 0);
                }
            }
        }
    }
}

impl Split for Csv {
    fn next(&mut self, raw: &mut Raw, bytes_max: usize) -> Result<bool, Error> {
        self.skip_line_ends()?;
        raw.clear(self.line);
        let Some(ends) = self.read(&mut raw.bytes, bytes_max)? else {
            return Ok(false);
        };
        let ends = self.ends[..ends].iter();
        raw.ends.extend(ends.map(|&end| (end, false)));
        Ok(true)
    }

    fn file(&self) -> &str {
        &self.file
    }
}

#[allow(
    clippy::naive_bytecount,
    reason = "the buffer is small, and the compiler counts many bytes at once"
)]
fn newlines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}
