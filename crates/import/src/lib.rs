//! Turns files into commands: readers for CSV, TSV, PostgreSQL's text, JSON Lines and Parquet, the
//! mapping of columns to the fields of a command, the dry run, and the file of rejects.
//!
//! Nothing here knows a store or a broker. What a row becomes is decided by the domain's own rules
//! ([`Intake`](protean_core::domain::Intake)), so that a dry run and an import cannot disagree.
//! Memory is bounded whatever is in a file: see [`limits`].

mod dry_run;
mod error;
mod format;
mod input;
pub mod limits;
mod mapping;
mod object;
mod pipeline;
mod read;
mod rejects;
mod validate;

pub use dry_run::{Common, Report, Sample, dry_run};
pub use error::Error;
pub use format::{Format, Reading, delimiter};
pub use input::{Encoding, Meter};
pub use mapping::{Assignment, Extra, Mapping, Plan};
pub use pipeline::{CHUNK_BYTES, CHUNK_ROWS, check_in_order};
pub use read::{Content, Fields, Layout, Original, Problem, Read, Reject, Row, Source};
pub use rejects::{Mark, Rejects};
pub use validate::{Checked, Validator};
