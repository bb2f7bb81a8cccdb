//! The columns of a file: what its header names, those that a file of rejects has beside its own,
//! and what a row of the right shape is.

use std::collections::HashMap;
use std::ops::Range;

use super::Read;
use super::row::{Content, Fields, Original, Problem, Reject, Row};
use crate::error::Error;
use crate::limits::FIELD_BYTES_MAX;

/// The columns that a file of rejects has beside its own, which are none of the command's.
pub(crate) const RESERVED: [&str; 3] = ["_line", "_field", "_reason"];

/// One row as its bytes: fields that follow one another.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) line: u64,
    /// The row's bytes, and room behind them.
    pub(super) bytes: Vec<u8>,
    /// Where each field ends, and whether it has no value.
    pub(super) ends: Vec<(usize, bool)>,
}

impl Raw {
    pub(super) fn clear(&mut self, line: u64) {
        self.line = line;
        self.ends.clear();
    }

    fn len(&self) -> usize {
        self.ends.last().map_or(0, |&(end, _)| end)
    }

    fn field(&self, at: usize) -> Option<&[u8]> {
        let &(end, null) = self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].0);
        (!null).then(|| &self.bytes[start..end])
    }
}

/// Where the columns are in a row.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The names of the columns, without those of rejects.
    pub(super) columns: Vec<String>,
    /// How many fields are before them: those of rejects, or none.
    before: usize,
}

impl Shape {
    /// The columns that the first row of a file names.
    pub(super) fn of_header(file: &str, raw: &Raw) -> Result<Self, Error> {
        let mut names = Vec::with_capacity(raw.ends.len());
        for at in 0..raw.ends.len() {
            let bytes = raw.field(at).unwrap_or_default();
            let name = std::str::from_utf8(bytes).map_err(|_| {
                let why = format!(
                    "column {} is not UTF-8; say which encoding the file has",
                    at + 1
                );
                Error::header(file, why)
            })?;
            if name.contains('\0') {
                let why = "it has NUL characters; is its encoding utf-16le or utf-16be?";
                return Err(Error::header(file, why));
            }
            names.push(name.trim().to_owned());
        }
        if names.iter().all(String::is_empty) {
            return Err(Error::header(file, "all of them are empty"));
        }
        if names.iter().take(RESERVED.len()).eq(RESERVED.iter()) {
            let own = names.split_off(RESERVED.len());
            return Ok(Self::of_names(file, own)?.behind_reserved());
        }
        Self::of_names(file, names)
    }

    /// Columns with these names, in the order of the fields. Columns without a name may be any
    /// number; nobody can map them.
    pub(super) fn of_names(file: &str, names: Vec<String>) -> Result<Self, Error> {
        if names.is_empty() {
            return Err(Error::header(
                file,
                "it names no columns but those of rejects",
            ));
        }
        let mut seen = HashMap::new();
        for (at, name) in names.iter().enumerate() {
            if let Some(first) = seen.insert(name, at)
                && !name.is_empty()
            {
                return Err(Error::DuplicateColumn {
                    file: file.to_owned(),
                    name: name.clone(),
                    first: first + 1,
                    second: at + 1,
                });
            }
        }
        Ok(Self {
            columns: names,
            before: 0,
        })
    }

    /// The same columns, behind those that a file of rejects begins with.
    pub(super) fn behind_reserved(self) -> Self {
        Self {
            before: RESERVED.len(),
            ..self
        }
    }

    /// Whether a row is the header of a file of rejects.
    pub(super) fn is_reserved(raw: &Raw) -> bool {
        let mut reserved = RESERVED.iter().enumerate();
        reserved.all(|(at, name)| raw.field(at) == Some(name.as_bytes()))
    }

    /// The row, if it is text and has the fields that it should have.
    pub(super) fn row(&self, raw: &Raw, ordinal: u64) -> Read {
        match self.fields(raw) {
            Ok(fields) => Ok(Row {
                line: raw.line,
                ordinal,
                content: Content::Fields(fields),
            }),
            Err(problem) => Err(Reject {
                line: raw.line,
                ordinal,
                original: self.original(raw),
                problems: vec![problem],
            }),
        }
    }

    fn fields(&self, raw: &Raw) -> Result<Fields, Problem> {
        let (expected, found) = (self.columns.len(), self.own(raw).len());
        if expected != found {
            let message = format!("expected {expected} fields, found {found}");
            return Err(Problem::whole(message));
        }
        let mut fields = Fields::with_capacity(raw.len(), expected);
        for (name, place) in self.columns.iter().zip(self.own(raw)) {
            let Some(bytes) = raw.field(place) else {
                fields.push(None);
                continue;
            };
            if bytes.len() > FIELD_BYTES_MAX {
                let found = bytes.len();
                let message = format!("expected at most {FIELD_BYTES_MAX} bytes, found {found}");
                return Err(Problem::of(name, message));
            }
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let at = error.valid_up_to() + 1;
                let message = format!("expected text, found bytes that are none (byte {at} of it)");
                Problem::of(name, message)
            })?;
            fields.push(Some(text));
        }
        Ok(fields)
    }

    /// The places of a row's own fields, also of one that has too few or too many.
    fn own(&self, raw: &Raw) -> Range<usize> {
        self.before.min(raw.ends.len())..raw.ends.len()
    }

    pub(super) fn original(&self, raw: &Raw) -> Original {
        let fields = self.own(raw);
        Original::Fields(fields.map(|at| raw.field(at).map(<[u8]>::to_vec)).collect())
    }
}
