//! The file of rejects: of the form of the file that was imported, so that it can be mended and
//! imported again.
//!
//! Fields stand as they were found behind `_line`, `_field` and `_reason`, also where there are too
//! few or too many; JSON objects get the key `_reject`. Readers know both and drop them. Rows of
//! Parquet are written as CSV, which people can mend.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Error;
use crate::format::{self, Format, LIKELY};
use crate::object;
use crate::read::{self, Layout, Original, RESERVED, Reject};

/// Says that a text is UTF-8, whatever encoding is declared.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of a file of rejects is known to be on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The length of the file.
    pub bytes: u64,
    /// The rejects in it.
    pub rows: u64,
}

/// A file of rejects, open at its end.
#[derive(Debug)]
pub struct Rejects {
    file: String,
    layout: Layout,
    out: BufWriter<File>,
    mark: Mark,
    line: Vec<u8>,
}

impl Rejects {
    /// Makes a new file with nothing in it but what names its columns.
    ///
    /// # Errors
    /// When there is something in a file of this name: it may be what is imported, or the rejects of
    /// an earlier import.
    pub fn create(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let head = head(layout);
        let file = path.display().to_string();
        if let (Some(Format::Parquet), _) = format::of_name(path) {
            let why =
                "rejects of Parquet are written as CSV; say a name such as bad.csv".to_owned();
            return Err(Error::Rejects { file, why });
        }
        let failed = |why: std::io::Error| Error::Rejects {
            file: file.clone(),
            why: why.to_string(),
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut opened = options.open(path).map_err(failed)?;
        let mut found = Vec::new();
        let most = head.len() as u64 + 1;
        (&mut opened)
            .take(most)
            .read_to_end(&mut found)
            .map_err(failed)?;
        if !found.is_empty() && found != head {
            return Err(Error::Rejects {
                file,
                why: "there is something in it; say another name, or move it away".to_owned(),
            });
        }
        opened.set_len(0).map_err(failed)?;
        opened.rewind().map_err(failed)?;
        let mut rejects = Self::at(file, layout, opened, Mark::default());
        rejects.put(&head)?;
        Ok(rejects)
    }

    /// Opens a file to go on behind a mark. What was written later, before a crash, is taken away:
    /// the rows it is of are read again.
    ///
    /// # Errors
    /// When the file is not there, or shorter than it was.
    pub fn reopen(path: &Path, layout: &Layout, mark: Mark) -> Result<Self, Error> {
        let file = path.display().to_string();
        let failed = |why: std::io::Error| Error::Rejects {
            file: file.clone(),
            why: why.to_string(),
        };
        let opened = OpenOptions::new().write(true).open(path);
        let mut opened = opened.map_err(failed)?;
        let found = opened.metadata().map_err(failed)?.len();
        if found < mark.bytes {
            let expected = mark.bytes;
            let why = format!(
                "expected the {expected} bytes that were written to it, found {found}; put it back, \
                 or start the import under another name"
            );
            return Err(Error::Rejects { file, why });
        }
        opened.set_len(mark.bytes).map_err(failed)?;
        opened.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self::at(file, layout, opened, mark))
    }

    fn at(file: String, layout: &Layout, opened: File, mark: Mark) -> Self {
        Self {
            file,
            layout: layout.clone(),
            out: BufWriter::new(opened),
            mark,
            line: Vec::new(),
        }
    }

    /// Adds a reject. It is on the disk after [`sync`](Self::sync).
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&mut self, reject: &Reject) -> Result<(), Error> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        match &reject.original {
            Original::Fields(fields) => self.fields(reject, fields, &mut line),
            Original::Line(original) => object_line(reject, original, &mut line),
        }
        line.push(b'\n');
        let written = self.put(&line);
        self.line = line;
        self.mark.rows += 1;
        written
    }

    /// Waits until all is on the disk, and says how much that is. Whoever keeps the mark with the
    /// position in the file that is imported has each reject once.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn sync(&mut self) -> Result<Mark, Error> {
        let synced = self
            .out
            .flush()
            .and_then(|()| self.out.get_ref().sync_data());
        synced.map_err(|why| self.failed(&why))?;
        Ok(self.mark)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.mark.bytes += bytes.len() as u64;
        let written = self.out.write_all(bytes);
        written.map_err(|why| self.failed(&why))
    }

    fn failed(&self, why: &std::io::Error) -> Error {
        Error::Rejects {
            file: self.file.clone(),
            why: why.to_string(),
        }
    }

    fn fields(&self, reject: &Reject, fields: &[Option<Vec<u8>>], line: &mut Vec<u8>) {
        let own = [reject.line.to_string(), reject.fields(), reject.reason()];
        let own = own.iter().map(|text| Some(text.as_bytes()));
        put_fields(
            &self.layout,
            own.chain(fields.iter().map(Option::as_deref)),
            line,
        );
    }
}

/// What a file begins with.
fn head(layout: &Layout) -> Vec<u8> {
    let mut head = Vec::new();
    if layout.foreign {
        head.extend_from_slice(BYTE_ORDER_MARK);
    }
    if layout.format != Format::Json {
        let columns = layout.columns.iter().map(String::as_str);
        let names = RESERVED.into_iter().chain(columns);
        put_fields(layout, names.map(|name| Some(name.as_bytes())), &mut head);
        head.push(b'\n');
    }
    head
}

fn put_fields<'a>(
    layout: &Layout,
    fields: impl Iterator<Item = Option<&'a [u8]>>,
    line: &mut Vec<u8>,
) {
    // A delimiter is ASCII.
    let delimiter = u8::try_from(layout.delimiter).unwrap_or(b',');
    for (nth, field) in fields.enumerate() {
        if nth > 0 {
            line.push(delimiter);
        }
        match layout.format {
            Format::Text => read::escape(field, delimiter, line),
            _ => quote(field.unwrap_or_default(), delimiter, line),
        }
    }
}

/// A field as CSV, in quotes where it would be read as something else without, or taken for what
/// separates fields in this file.
fn quote(field: &[u8], delimiter: u8, line: &mut Vec<u8>) {
    let is_special = |byte: &u8| {
        *byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n') || LIKELY.contains(byte)
    };
    if !field.iter().any(is_special) {
        return line.extend_from_slice(field);
    }
    line.push(b'"');
    for &byte in field {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

/// A JSON object with one more key; what was no object is put into one.
fn object_line(reject: &Reject, original: &[u8], line: &mut Vec<u8>) {
    let fields = reject.fields();
    let mark = json!({
        "line": reject.line,
        "field": (!fields.is_empty()).then_some(fields),
        "reason": reject.reason(),
    });
    line.extend_from_slice(format!("{{\"{}\":{mark}", object::REJECT).as_bytes());
    let kept = |text: &str| format!(",\"{}\":{}", object::RAW, json!(text));
    let members = match std::str::from_utf8(original) {
        // JSON cannot say which bytes they were; readers refuse what stands for them.
        Err(_) => kept(&String::from_utf8_lossy(original)),
        Ok(text) => {
            let own = object::own(text);
            match object::members(&own) {
                Ok(members) if !object::is_lossy(&own) => members
                    .iter()
                    .map(|(key, value)| format!(",{}:{value}", json!(key)))
                    .collect(),
                _ => kept(&own),
            }
        }
    };
    line.extend_from_slice(members.as_bytes());
    line.push(b'}');
}
