//! The tables themselves: made, changed, emptied and dropped.

use std::path::Path;

use crate::BoxFuture;
use crate::schema::{Field, Schema};

use super::Error;

/// The tables of a domain and those of the framework beside them.
pub trait Tables: Send + Sync + 'static {
    /// Creates what is missing: tables, columns, indexes. Never changes or removes what is there.
    /// Says what it did, one line each; nothing when all was there.
    ///
    /// # Errors
    /// When a column that exists does not fit the code, or the store cannot answer.
    fn setup<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, Error>>;

    /// What [`Self::setup`] would do now, without doing it.
    ///
    /// # Errors
    /// Those of [`Self::setup`].
    fn missing<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, Error>>;

    /// Copies everything, as it is at one moment, into a new file, while others read and write;
    /// the size of the copy in bytes. `None` where a server has tools of its own for that. Primary
    /// work does not wait for it (L2).
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the store cannot answer.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the copying.
    fn backup<'a>(&'a self, _file: &'a Path) -> BoxFuture<'a, Result<Option<u64>, Error>> {
        Box::pin(async { Ok(None) })
    }

    /// Removes every table of the domain and of the framework, with everything in them.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn drop_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, Error>>;

    /// Empties every table of the domain and of the framework.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn truncate_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, Error>>;
}

/// A column is of another type than its field. A column is never changed: that could destroy what
/// is in it.
#[must_use]
pub fn mismatch(schema: &Schema, field: &Field, found: &str, wanted: &str) -> Error {
    let (table, name) = (schema.table, field.name);
    let why = format!(
        "column {table}.{name} is {found}, the code wants {wanted}; a type is never changed by \
         itself: copy the column and drop the old one"
    );
    Error::Tables { why }
}

/// A column that no field has, and that every new row would have to fill.
#[must_use]
pub fn leftover(schema: &Schema, column: &str) -> Error {
    let table = schema.table;
    let why = format!(
        "column {table}.{column} must not be null and {} has no field for it, so no row could be \
         added; a column is never dropped by itself: drop it, or let it be null",
        schema.name
    );
    Error::Tables { why }
}
