//! The limit: rows that the import left in the database, written again with nothing around them.
//!
//! They are the very rows, in tables with the same indexes in the same database, written by one
//! connection in full batches: the command and the key it is known by, then the aggregate and the
//! event, then the projection. Cursors are left out, since a batch moves one row of them.

mod postgres;
mod sqlite;

use std::path::Path;

use anyhow::{Result, ensure};

/// Books in one transaction: as many as the importer puts into one chunk.
const BATCH_ROWS: usize = 500;

/// Books that are written again at most, since their rows are held in memory.
const BOOKS_MAX: u64 = 100_000;

/// Rows that one transaction writes into one table.
struct Part {
    table: &'static str,
    /// Which rows of the table they are.
    filter: &'static str,
}

impl Part {
    const fn all_of(table: &'static str) -> Self {
        Self {
            table,
            filter: "true",
        }
    }

    const fn messages(filter: &'static str) -> Self {
        Self {
            table: "protean_message",
            filter,
        }
    }
}

/// What one transaction each writes for a batch of books.
const STEPS: [&[Part]; 3] = [
    &[
        Part::messages("type LIKE '%.AddBook.%'"),
        Part::all_of("protean_idempotency"),
    ],
    &[
        Part::all_of("book"),
        Part::messages("type LIKE '%.BookAdded.%'"),
    ],
    &[Part::all_of("book_catalog")],
];

/// Books per second, of those that the import has left in the database at `uri`, or in the file
/// `bookshelf.db` of the folder. What is read to know them is not counted.
pub(crate) fn rate(home: &Path, uri: Option<&str>, books: u64) -> Result<f64> {
    let books = books.min(BOOKS_MAX);
    let (took, rows) = match uri {
        Some(uri) => postgres::write(uri, books)?,
        None => sqlite::write(&home.join("bookshelf.db"), &home.join("bare.db"), books)?,
    };
    let expected = STEPS.iter().map(|parts| parts.len() as u64).sum::<u64>() * books;
    ensure!(
        rows == expected,
        "expected {expected} rows to write again, found {rows}"
    );
    Ok(super::per_second(books, took))
}

/// The tables that are written.
fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> = STEPS
        .iter()
        .flat_map(|parts| parts.iter().map(|part| part.table))
        .collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}
