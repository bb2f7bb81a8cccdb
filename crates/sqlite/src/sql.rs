//! The statements for the tables of a domain, written once per table.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use protean_core::schema::Schema;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// The statements a connection keeps prepared.
const STATEMENTS_MAX: usize = 256;

/// Has a connection keep the statements that it prepared, and how they find their rows.
///
/// Without the second part SQLite plans a statement anew for each value, where a value might decide
/// whether an index is complete enough for it. None of ours depends on that, and planning takes
/// longer than finding a few rows.
pub(crate) fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The statements for one table.
#[derive(Debug)]
pub(crate) struct Statements {
    /// `?1…` the values; the version becomes 0.
    pub(crate) insert: String,
    /// `?1…` the values, then the version that is expected.
    pub(crate) update: String,
    /// `?1…` the values; the version becomes 0 or grows by one.
    pub(crate) put: String,
    /// `?1` the identity, `?2` the version that is expected.
    pub(crate) delete: String,
    /// `?1` the identity; the values, then the version.
    pub(crate) load: String,
    /// The columns and the version, without a condition.
    pub(crate) select: String,
    /// The identity's column, quoted.
    pub(crate) identity: String,
}

/// The statements of every table met so far.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    tables: Mutex<HashMap<&'static str, Arc<Statements>>>,
}

impl Catalog {
    /// The statements for the table of this schema.
    pub(crate) fn of(&self, schema: &'static Schema) -> Arc<Statements> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let statements = tables
            .entry(schema.table)
            .or_insert_with(|| Arc::new(Statements::of(schema)));
        statements.clone()
    }
}

/// A name as SQL takes it, whatever words it is made of.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Statements {
    fn of(schema: &Schema) -> Self {
        let table = quoted(schema.table);
        let columns: Vec<String> = schema
            .fields
            .iter()
            .map(|field| quoted(field.name))
            .collect();
        let identity = schema
            .identifier()
            .map_or_else(|| "rowid".to_owned(), |at| columns[at].clone());
        let count = columns.len();
        let list = columns.join(", ");
        let values = (1..=count)
            .map(|nth| format!("?{nth}"))
            .collect::<Vec<_>>()
            .join(", ");
        let id_at = schema.identifier().map_or(1, |at| at + 1);
        let (mut set, mut excluded) = (String::new(), String::new());
        for (nth, column) in columns
            .iter()
            .enumerate()
            .filter(|(nth, _)| nth + 1 != id_at)
        {
            let _ = write!(set, "{column} = ?{}, ", nth + 1);
            let _ = write!(excluded, "{column} = excluded.{column}, ");
        }
        Self {
            insert: format!("INSERT INTO {table} ({list}, _version) VALUES ({values}, 0)"),
            update: format!(
                "UPDATE {table} SET {set}_version = _version + 1 \
                 WHERE {identity} = ?{id_at} AND _version = ?{}",
                count + 1
            ),
            put: format!(
                "INSERT INTO {table} ({list}, _version) VALUES ({values}, 0) \
                 ON CONFLICT ({identity}) DO UPDATE SET {excluded}_version = _version + 1"
            ),
            delete: format!("DELETE FROM {table} WHERE {identity} = ?1 AND _version = ?2"),
            load: format!("SELECT {list}, _version FROM {table} WHERE {identity} = ?1"),
            select: format!("SELECT {list}, _version FROM {table}"),
            identity,
        }
    }
}
