//! What an import would do: all rows checked by the domain's own rules, and nothing written.

mod tally;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use protean_core::domain::Intake;
use serde::Serialize;
use serde_json::value::RawValue;

pub use tally::Common;

use crate::error::Error;
use crate::mapping::Mapping;
use crate::pipeline;
use crate::read::{Read, Source};
use crate::validate::Validator;
use tally::Tally;

/// The rows that a report shows as the commands they would be.
const SAMPLE_ROWS: usize = 5;

/// A command that is longer is not shown: nobody reads it.
const SAMPLE_BYTES_MAX: usize = 16 * 1024;

/// What a dry run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// All rows.
    pub rows: u64,
    /// Rows that are commands which keep their rules.
    pub accepted: u64,
    /// Rows that are not.
    pub rejected: u64,
    /// The commonest errors, the most frequent first.
    pub errors: Vec<Common>,
    /// How many other kinds of errors there were; of very many kinds at least so many.
    pub other_errors: u64,
    /// The first rows that are commands.
    pub sample: Vec<Sample>,
    /// The columns that no field takes.
    pub ignored_columns: Vec<String>,
    /// The fields that get no value from the file.
    pub unfilled_fields: Vec<&'static str>,
}

/// A row and the command it would be.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// The line of the row.
    pub line: u64,
    /// The payload, as it would be stored.
    pub command: Box<RawValue>,
}

/// Checks all rows that are left in a file. Memory does not grow with their number.
///
/// # Errors
/// What ended the reading before the end of the file; there is no report then, because what was
/// found so far says nothing of the rest.
pub fn dry_run(
    source: &mut Source,
    mapping: &Mapping,
    intake: &Intake,
    workers: NonZeroUsize,
) -> Result<Report, Error> {
    let worker = || {
        let mut validator = Validator::new(mapping, intake);
        move |chunk: Vec<Read>| Part::of(&mut validator, chunk)
    };
    let mut whole = Part::default();
    pipeline::run(source, workers, worker, |part| {
        whole.merge(part);
        ControlFlow::Continue(())
    })?;
    let Part {
        accepted,
        rejected,
        tally,
        sample,
    } = whole;
    let (errors, other_errors) = tally.commonest();
    Ok(Report {
        rows: accepted + rejected,
        accepted,
        rejected,
        errors,
        other_errors,
        sample,
        ignored_columns: mapping.ignored().to_vec(),
        unfilled_fields: mapping.unfilled().to_vec(),
    })
}

/// What is known of some rows.
#[derive(Default)]
struct Part {
    accepted: u64,
    rejected: u64,
    tally: Tally,
    sample: Vec<Sample>,
}

impl Part {
    fn of(validator: &mut Validator<'_>, chunk: Vec<Read>) -> Self {
        let mut part = Self::default();
        for read in chunk {
            match validator.check(read) {
                Ok((row, prepared)) => {
                    part.accepted += 1;
                    let data = prepared.data();
                    if part.sample.len() < SAMPLE_ROWS
                        && data.len() <= SAMPLE_BYTES_MAX
                        && let Ok(command) = RawValue::from_string(data.to_owned())
                    {
                        let line = row.line;
                        part.sample.push(Sample { line, command });
                    }
                }
                Err(reject) => {
                    part.rejected += 1;
                    part.tally.add(&reject);
                }
            }
        }
        part
    }

    /// Adds what is known of the rows that follow.
    fn merge(&mut self, later: Self) {
        self.accepted += later.accepted;
        self.rejected += later.rejected;
        self.tally.merge(later.tally);
        let room = SAMPLE_ROWS - self.sample.len();
        self.sample.extend(later.sample.into_iter().take(room));
    }
}
