//! The import itself: chunks of commands, a few of them on their way at the same time.

use std::collections::VecDeque;

use protean::app::{self, Submission};
use protean::prelude::Invalid;
use protean::{App, Priority};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::{Catalog, Error, Rejection, Row};
use crate::Bookshelf;

/// Rows in one durable write: enough that its fixed cost is small, few enough that it is short.
const CHUNK_ROWS: usize = 500;

/// Chunks on their way at the same time: one is written while the next is made ready.
const CHUNKS_IN_FLIGHT: usize = 3;

/// What became of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows whose books are accepted now.
    pub imported: u64,
    /// Rows that said what an earlier one said, in this file or an earlier import.
    pub duplicates: u64,
    /// Rows that are no books.
    pub rejected: u64,
}

impl Tally {
    /// All rows so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.imported + self.duplicates + self.rejected
    }
}

/// Who is told how the import goes.
pub trait Observer {
    /// So many rows are done.
    fn advanced(&mut self, tally: &Tally);
    /// A row is no book.
    fn rejected(&mut self, rejection: &Rejection);
}

/// The answers to one chunk, row by row.
type Answers = Vec<(u64, Result<app::Receipt, app::Error>)>;

/// Imports a catalog with `Priority::Bulk`. A row that is no book costs only itself.
///
/// # Errors
/// When the file cannot be read to its end, or the store takes no more. Rows before that are in,
/// and stay in when the import is run again.
///
/// # Cancel safety
/// Dropping the future is such an interruption.
pub async fn import(
    app: &App<Bookshelf>,
    mut catalog: Catalog,
    observer: &mut impl Observer,
) -> Result<Tally, Error> {
    let app = app.with_priority(Priority::Bulk);
    let mut tally = Tally::default();
    let mut in_flight: VecDeque<JoinHandle<Answers>> = VecDeque::new();
    loop {
        let chunk = read_chunk(&mut catalog, &mut tally, observer)?;
        let is_last = chunk.is_empty();
        if !is_last {
            in_flight.push_back(tokio::spawn(submit(app.clone(), chunk)));
        }
        while in_flight.len() >= CHUNKS_IN_FLIGHT || is_last {
            let Some(answers) = in_flight.pop_front() else {
                return Ok(tally);
            };
            match answers.await {
                Ok(answers) => count(answers, &mut tally, observer)?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
    }
}

/// The next rows that read as books; none at the end of the file.
fn read_chunk(
    catalog: &mut Catalog,
    tally: &mut Tally,
    observer: &mut impl Observer,
) -> Result<Vec<Row>, Error> {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    while chunk.len() < CHUNK_ROWS {
        match catalog.next() {
            None => break,
            Some(Ok(Ok(row))) => chunk.push(row),
            Some(Ok(Err(rejection))) => {
                tally.rejected += 1;
                observer.rejected(&rejection);
            }
            Some(Err(why)) => {
                let file = catalog.file().to_owned();
                return Err(Error::Unreadable { file, why });
            }
        }
    }
    Ok(chunk)
}

async fn submit(app: App<Bookshelf>, chunk: Vec<Row>) -> Answers {
    let lines: Vec<u64> = chunk.iter().map(|row| row.line).collect();
    let submissions = chunk
        .into_iter()
        .map(|row| Submission::new(row.command).idempotency_key(row.idempotency_key));
    let answers = app.process_all(submissions).await;
    lines.into_iter().zip(answers).collect()
}

fn count(answers: Answers, tally: &mut Tally, observer: &mut impl Observer) -> Result<(), Error> {
    for (line, answer) in answers {
        match answer {
            Ok(receipt) if receipt.duplicate => tally.duplicates += 1,
            Ok(_) => tally.imported += 1,
            Err(app::Error::Invalid(invalid)) => {
                tally.rejected += 1;
                let reason = reason(&invalid);
                observer.rejected(&Rejection { line, reason });
            }
            Err(why) => return Err(Error::Stopped { line, why }),
        }
    }
    observer.advanced(tally);
    Ok(())
}

/// What is wrong with a row, under the names of its columns.
fn reason(invalid: &Invalid) -> String {
    let fields = invalid.fields().iter().map(|(field, messages)| {
        let column = if field == "price_amount" {
            "price"
        } else {
            field
        };
        format!("{column}: {}", messages.join(", "))
    });
    fields.collect::<Vec<_>>().join("; ")
}
