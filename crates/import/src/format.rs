//! What is said about a file, and what can be told from its name and its first bytes.

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::input::Encoding;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Fields that are separated by one character and may stand in quotes; TSV, too.
    Csv,
    /// The text format of PostgreSQL's `COPY`: tabs, escapes, and `\N` for no value.
    Text,
    /// One JSON object on each line.
    Json,
    /// Parquet, whose rejects are written as CSV.
    Parquet,
}

impl Format {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Text => "text",
            Self::Json => "jsonl",
            Self::Parquet => "parquet",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Ok(Self::Csv),
            "text" => Ok(Self::Text),
            "json" | "jsonl" | "ndjson" => Ok(Self::Json),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Error::Option {
                expected: "a format: csv, tsv, text (of PostgreSQL), jsonl or parquet".to_owned(),
                found: name.to_owned(),
            }),
        }
    }
}

/// What is said about a file; what is not said is told from its name and its first bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reading {
    /// Its format.
    pub format: Option<Format>,
    /// What separates its fields, one ASCII character.
    pub delimiter: Option<char>,
    /// Its encoding.
    pub encoding: Encoding,
    /// The names of its columns, where its first line does not say them.
    pub columns: Option<Vec<String>>,
}

impl Reading {
    /// Whether it says nothing that Parquet says otherwise.
    pub(crate) fn fits_parquet(&self) -> Result<(), Error> {
        match self.format {
            None | Some(Format::Parquet) => Ok(()),
            Some(format) => Err(Error::Option {
                expected: format!("a file in the format {}", format.name()),
                found: "a Parquet file".to_owned(),
            }),
        }
    }

    /// What separates the fields, if it was said.
    pub(crate) fn delimiter(&self) -> Result<Option<u8>, Error> {
        let Some(delimiter) = self.delimiter else {
            return Ok(None);
        };
        let byte = u8::try_from(delimiter).ok().filter(u8::is_ascii);
        match byte.filter(|byte| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0)) {
            Some(byte) => Ok(Some(byte)),
            None => Err(Error::Option {
                expected: "one ASCII character that separates fields, such as `;`".to_owned(),
                found: delimiter.escape_default().to_string(),
            }),
        }
    }
}

/// Reads `\t` and `tab` as a tab, and one character as itself.
///
/// # Errors
/// When it is anything else.
pub fn delimiter(text: &str) -> Result<char, Error> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("\\t" | "tab", ..) => Ok('\t'),
        (_, Some(delimiter), None) => Ok(delimiter),
        _ => Err(Error::Option {
            expected: "one character that separates fields, or \"tab\"".to_owned(),
            found: text.to_owned(),
        }),
    }
}

/// The format that a name ends with, whatever the file is packed with, and what separates fields in
/// it.
pub(crate) fn of_name(path: &Path) -> (Option<Format>, Option<u8>) {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let unpacked = [".gz", ".zst", ".zstd"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let name = unpacked.unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("csv") => (Some(Format::Csv), None),
        Some("tsv" | "tab") => (Some(Format::Csv), Some(b'\t')),
        Some("jsonl" | "ndjson" | "json") => (Some(Format::Json), None),
        Some("parquet") => (Some(Format::Parquet), None),
        _ => (None, None),
    }
}

/// The format that a text begins like.
pub(crate) fn of_text(head: &[u8]) -> Format {
    match head.trim_ascii_start().first() {
        Some(b'{' | b'[') => Format::Json,
        _ => Format::Csv,
    }
}

/// What separates fields where nothing is said, the likeliest first.
pub(crate) const LIKELY: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What separates the names in a first line: a comma where there is one, or else what spreadsheets
/// of other countries and databases write.
pub(crate) fn delimiter_of(head: &[u8]) -> u8 {
    let mut is_quoted = false;
    let mut found = Vec::new();
    for &byte in head {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            byte if !is_quoted => found.push(byte),
            _ => {}
        }
    }
    let first = LIKELY.into_iter().find(|likely| found.contains(likely));
    first.unwrap_or(b',')
}
