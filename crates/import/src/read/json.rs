//! JSON Lines: one object on each line.

use std::collections::VecDeque;

use super::lines::Lines;
use super::row::{Content, Original, Problem, Reject, Row};
use super::{Read, Rows};
use crate::error::Error;
use crate::input::Text;
use crate::limits::{COLUMNS_MAX, ROW_BYTES_MAX};
use crate::object;

/// The rows that are looked at for the keys there are: the first may be a bad one.
const HEAD_ROWS: usize = 100;

/// The bytes of such rows that are held.
const HEAD_BYTES: usize = 256 * 1024;

/// The rows of a JSON Lines file.
pub(super) struct Json {
    lines: Lines,
    /// The first rows with their lines, until they are read.
    head: VecDeque<(u64, Vec<u8>)>,
    /// What ended the file while they were read: told behind them.
    ended: Option<Error>,
    number: u64,
    line: Vec<u8>,
    columns: Vec<String>,
    ordinal: u64,
}

impl Json {
    /// Takes the keys of the first rows for the columns.
    pub(super) fn open(file: String, text: Text) -> Result<Self, Error> {
        let mut json = Self {
            lines: Lines::new(file, text),
            head: VecDeque::new(),
            ended: None,
            number: 0,
            line: Vec::new(),
            columns: Vec::new(),
            ordinal: 0,
        };
        let mut bytes = 0;
        let mut line = Vec::new();
        while json.head.len() < HEAD_ROWS && bytes < HEAD_BYTES {
            match json.lines.next(&mut line, ROW_BYTES_MAX) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if json.head.is_empty() => return Err(error),
                Err(error) => {
                    json.ended = Some(error);
                    break;
                }
            }
            bytes += line.len();
            json.add_keys(&line);
            json.head
                .push_back((json.lines.line, std::mem::take(&mut line)));
        }
        let Some((_, first)) = json.head.front() else {
            let file = json.lines.file;
            return Err(Error::Empty { file });
        };
        if first.trim_ascii_start().starts_with(b"[") {
            return Err(Error::Foreign {
                file: json.lines.file,
                found: "a JSON array",
                advice: "write one object on each line, as `jq -c '.[]'` does",
            });
        }
        Ok(json)
    }

    fn add_keys(&mut self, line: &[u8]) {
        let line = std::str::from_utf8(line).unwrap_or_default();
        let own = object::own(line);
        for (key, _) in object::members(&own).unwrap_or_default() {
            if self.columns.len() < COLUMNS_MAX && !self.columns.iter().any(|one| *one == key) {
                self.columns.push(key.into_owned());
            }
        }
    }

    fn advance(&mut self) -> Result<bool, Error> {
        let found = if let Some((number, line)) = self.head.pop_front() {
            (self.number, self.line) = (number, line);
            true
        } else if let Some(error) = self.ended.take() {
            return Err(error);
        } else {
            let found = self.lines.next(&mut self.line, ROW_BYTES_MAX)?;
            self.number = self.lines.line;
            found
        };
        self.ordinal += u64::from(found);
        Ok(found)
    }

    fn row(&self) -> Read {
        let (line, ordinal) = (self.number, self.ordinal - 1);
        match std::str::from_utf8(&self.line) {
            Ok(text) => Ok(Row {
                line,
                ordinal,
                content: Content::Object(text.trim().to_owned()),
            }),
            Err(error) => {
                let at = error.valid_up_to() + 1;
                let message = format!("expected text, found bytes that are none (byte {at} of it)");
                Err(Reject {
                    line,
                    ordinal,
                    original: Original::Line(self.line.clone()),
                    problems: vec![Problem::whole(message)],
                })
            }
        }
    }
}

impl Rows for Json {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next(&mut self) -> Result<Option<Read>, Error> {
        let found = self.advance()?;
        Ok(found.then(|| self.row()))
    }

    fn skip(&mut self) -> Result<bool, Error> {
        self.advance()
    }
}
