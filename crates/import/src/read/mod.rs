//! Files as rows.
//!
//! What is wrong with one row is told of that row, and reading goes on; what is wrong with the file
//! ends it. Nothing is held but the row that is read.

mod csv;
mod json;
mod lines;
mod parquet;
mod postgres;
mod row;
mod separated;
mod shape;
mod source;

pub(crate) use postgres::escape;
pub use row::{Content, Fields, Original, Problem, Reject, Row};
pub(crate) use shape::RESERVED;
pub use source::{Layout, Source};

use crate::error::Error;

/// A row, or why there is none where one should be.
pub type Read = Result<Row, Reject>;

/// What every format is read through.
pub(crate) trait Rows: Send {
    /// The names of the columns.
    fn columns(&self) -> &[String];

    /// The next row; none at the end.
    fn next(&mut self) -> Result<Option<Read>, Error>;

    /// Passes over a row, at less cost than reading it; whether there was one.
    fn skip(&mut self) -> Result<bool, Error>;

    /// Passes over so many rows, or as many as there are; how many that were.
    fn skip_many(&mut self, rows: u64) -> Result<u64, Error> {
        let mut skipped = 0;
        while skipped < rows && self.skip()? {
            skipped += 1;
        }
        Ok(skipped)
    }
}
