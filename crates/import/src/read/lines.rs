//! Lines of a bounded length.

use crate::error::{self, Error};
use crate::input::Text;

/// The lines of a text.
pub(super) struct Lines {
    pub(super) file: String,
    text: Text,
    /// How many lines were read.
    pub(super) line: u64,
}

impl Lines {
    pub(super) const fn new(file: String, text: Text) -> Self {
        Self {
            file,
            text,
            line: 0,
        }
    }

    /// The next line that is not blank, without its end, of at most so many bytes; `false` at the
    /// end.
    pub(super) fn next(&mut self, line: &mut Vec<u8>, bytes_max: usize) -> Result<bool, Error> {
        loop {
            line.clear();
            if !self.read(line, bytes_max)? {
                return Ok(false);
            }
            if !line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn read(&mut self, line: &mut Vec<u8>, bytes_max: usize) -> Result<bool, Error> {
        loop {
            let text = self.text.fill_buf();
            let text = text.map_err(|why| error::at(&self.file, self.line, why))?;
            if text.is_empty() {
                self.line += u64::from(!line.is_empty());
                return Ok(!line.is_empty());
            }
            let end = text.iter().position(|byte| *byte == b'\n');
            let part = &text[..end.unwrap_or(text.len())];
            if line.len() + part.len() > bytes_max {
                return Err(Error::RowTooLong {
                    file: self.file.clone(),
                    line: self.line + 1,
                });
            }
            line.extend_from_slice(part);
            let passed = part.len() + usize::from(end.is_some());
            self.text.consume(passed);
            if end.is_some() {
                self.line += 1;
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(true);
            }
        }
    }
}
