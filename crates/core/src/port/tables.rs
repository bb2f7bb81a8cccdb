//! The tables themselves: made, changed, emptied and dropped.

use crate::BoxFuture;
use crate::schema::Schema;

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
