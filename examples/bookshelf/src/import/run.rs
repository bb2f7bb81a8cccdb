//! The import itself: the rows of a catalog, as a job of the framework.

use std::io;

use protean::app::import::{self as framework, Cause, Row as Command, iter};
use protean::port::imports::Progress;
use protean::prelude::Invalid;
use protean::{App, Priority};
use serde::{Deserialize, Serialize};

use super::{Catalog, Error, Rejection, Row};
use crate::Bookshelf;

/// How much of a digest stands in the name of an import: too much for two files to meet by chance.
const NAME_DIGITS: usize = 16;

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

/// Who is told how the import goes.
pub trait Observer: Send {
    /// So many rows are done.
    fn advanced(&mut self, rows: u64);
    /// A row is no book.
    fn rejected(&mut self, rejection: &Rejection);
}

/// Imports a catalog with `Priority::Bulk`. A row that is no book costs only itself. Each file is a
/// job of its own, which goes on where it was.
///
/// # Errors
/// When the file cannot be read to its end, or the store takes no more. Rows before that are in,
/// and stay in when the import is run again.
///
/// # Cancel safety
/// Dropping the future is such an interruption.
pub async fn import(
    app: &App<Bookshelf>,
    catalog: Catalog,
    observer: &mut impl Observer,
) -> Result<Tally, Error> {
    let (file, digest) = (catalog.file().to_owned(), catalog.digest().to_owned());
    let outcome = app
        .import(iter(catalog.map(command)))
        .name(format!("vintage-press-{}", &digest[..NAME_DIGITS]))
        .of(file.display().to_string(), digest)
        .priority(Priority::Bulk)
        .observe(Told(observer))
        .run()
        .await
        .map_err(|why| Error::Stopped { file, why })?;
    let (before, now) = (outcome.before, outcome.progress);
    let known = before.accepted + outcome.again;
    Ok(Tally {
        imported: now.accepted - known,
        duplicates: now.duplicates + known,
        rejected: now.rejected,
    })
}

/// A row as the framework has it; what is wrong with one that is no book comes back.
fn command(
    row: io::Result<Result<Row, Rejection>>,
) -> io::Result<Command<crate::book::AddBook, Option<Rejection>>> {
    Ok(match row? {
        Ok(row) => Command::new(row.command)
            .line(row.line)
            .key(row.idempotency_key)
            .origin(None),
        Err(rejection) => Command::rejected(Invalid::default())
            .line(rejection.line)
            .origin(Some(rejection)),
    })
}

/// An observer, as the framework has it.
struct Told<'o, O>(&'o mut O);

impl<O: Observer> framework::Observer<Option<Rejection>> for Told<'_, O> {
    fn rejected(
        &mut self,
        rejection: framework::Rejection<Option<Rejection>>,
    ) -> Result<(), Cause> {
        let line = rejection.line;
        let own = rejection.origin.unwrap_or_else(|| Rejection {
            line,
            reason: reason(&rejection.why),
        });
        self.0.rejected(&own);
        Ok(())
    }

    fn advanced(&mut self, progress: &Progress) {
        self.0.advanced(progress.rows);
    }
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
