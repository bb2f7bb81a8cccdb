//! The limit of a SQLite file.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{BATCH_ROWS, Part, STEPS};

type Row = Vec<Value>;

/// Writes rows of one file into another, with the settings that the product uses. Says how long
/// that took, and how many rows it were.
pub(super) fn write(from: &Path, to: &Path, books: u64) -> Result<(Duration, u64)> {
    let source = Connection::open(from)?;
    let mut target = Connection::open(to)?;
    target.pragma_update(None, "journal_mode", "WAL")?;
    target.pragma_update(None, "synchronous", "NORMAL")?;
    create_tables(&source, &target)?;
    let mut steps = Vec::new();
    for parts in STEPS {
        let parts: Result<Vec<_>> = parts
            .iter()
            .map(|part| read(&source, part, books))
            .collect();
        steps.push(parts?);
    }
    let mut rows = 0;
    let started = Instant::now();
    for first in (0..usize::try_from(books)?).step_by(BATCH_ROWS) {
        for parts in &steps {
            rows += write_batch(&mut target, parts, first)?;
        }
    }
    Ok((started.elapsed(), rows))
}

/// The tables that are written, with their indexes.
fn create_tables(source: &Connection, target: &Connection) -> Result<()> {
    let mut statement = source.prepare(
        "SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        if super::tables().contains(&table.as_str()) {
            target.execute_batch(&row.get::<_, String>(1)?)?;
        }
    }
    Ok(())
}

/// The rows of a part, and the statement that writes one of them.
fn read(source: &Connection, part: &Part, books: u64) -> Result<(String, Vec<Row>)> {
    let Part { table, filter } = part;
    let mut statement = source.prepare(&format!(
        "SELECT * FROM {table} WHERE {filter} LIMIT {books}"
    ))?;
    let columns = statement.column_count();
    let values = statement.query_map([], |row| (0..columns).map(|nth| row.get(nth)).collect())?;
    let insert = format!(
        "INSERT INTO {table} VALUES ({})",
        vec!["?"; columns].join(", ")
    );
    Ok((insert, values.collect::<rusqlite::Result<_>>()?))
}

/// Writes the rows of one batch in one transaction, and says how many.
fn write_batch(target: &mut Connection, parts: &[(String, Vec<Row>)], first: usize) -> Result<u64> {
    let transaction = target.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut written = 0;
    for (insert, rows) in parts {
        let mut insert = transaction.prepare_cached(insert)?;
        for row in rows.iter().skip(first).take(BATCH_ROWS) {
            written += insert.execute(params_from_iter(row))? as u64;
        }
    }
    transaction.commit()?;
    Ok(written)
}
