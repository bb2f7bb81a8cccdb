//! A catalog file, row by row.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ErrorKind, StringRecord};
use sha2::{Digest, Sha256};

use super::Error;
use super::row::{self, Columns, Rejection, Row};

/// A catalog file, opened, with its rows counted.
#[derive(Debug)]
pub struct Catalog {
    file: PathBuf,
    reader: csv::Reader<BufReader<File>>,
    columns: Columns,
    record: StringRecord,
    rows: u64,
    digest: String,
}

impl Catalog {
    /// Opens a file and counts its rows, which reads it once.
    ///
    /// # Errors
    /// When the file cannot be read, is empty or lacks a column.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let unreadable = |why| Error::Unreadable {
            file: file.to_owned(),
            why,
        };
        let (rows, digest) = survey(file).map_err(unreadable)?;
        let mut reader = csv::Reader::from_reader(open(file).map_err(unreadable)?);
        let headers = reader.headers().map_err(|error| unreadable(error.into()))?;
        if headers.iter().all(|name| name.trim().is_empty()) {
            return Err(Error::Empty {
                file: file.to_owned(),
            });
        }
        let columns = Columns::of(headers).map_err(|column| Error::MissingColumn {
            file: file.to_owned(),
            column,
            found: headers.iter().collect::<Vec<_>>().join(", "),
        })?;
        Ok(Self {
            file: file.to_owned(),
            reader,
            columns,
            record: StringRecord::new(),
            rows,
            digest,
        })
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How many rows there are, good and bad.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// What stands for all that is in it.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The next row; none at the end.
    fn read(&mut self) -> io::Result<Option<Result<Row, Rejection>>> {
        let before = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = self.record.position().map_or(before, csv::Position::line);
                Ok(Some(row::read(&self.record, &self.columns, line)))
            }
            Err(error) => {
                let line = error.position().map_or(before, csv::Position::line);
                let reason = match error.kind() {
                    ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => format!("expected {expected_len} columns, found {len}"),
                    ErrorKind::Utf8 { .. } => "expected UTF-8, found other bytes".to_owned(),
                    _ => return Err(error.into()),
                };
                Ok(Some(Err(Rejection { line, reason })))
            }
        }
    }
}

impl Iterator for Catalog {
    type Item = io::Result<Result<Row, Rejection>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn open(file: &Path) -> io::Result<BufReader<File>> {
    /// Big enough that a disk reads at its own speed.
    const BUFFER_BYTES: usize = 256 * 1024;
    let file = File::open(file)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(BufReader::with_capacity(BUFFER_BYTES, file))
}

/// Counts rows, whatever is in them, and makes the digest of the file.
fn survey(file: &Path) -> io::Result<(u64, String)> {
    let mut bytes = Digested {
        reader: open(file)?,
        digest: Sha256::new(),
    };
    let mut rows = 0;
    for record in csv::Reader::from_reader(&mut bytes).into_byte_records() {
        match record {
            Err(error) if matches!(error.kind(), ErrorKind::Io(_)) => return Err(error.into()),
            _ => rows += 1,
        }
    }
    let digest = bytes.digest.finalize();
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    Ok((rows, digits.collect()))
}

/// A reader of which a digest is made.
struct Digested<R> {
    reader: R,
    digest: Sha256,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}
