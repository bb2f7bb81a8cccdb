//! Removing what was found old, a row after the other, for a moment.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use protean_core::port::imports::State;
use protean_core::port::retention::{Removed, Row, Sweep};
use rusqlite::{Connection, OptionalExtension, params};

use crate::schema::LOG;

/// How long rows are removed at one stretch: together with the commit, a small part of a quantum.
const STRETCH: Duration = Duration::from_micros(500);

/// Removes the first rows, as many as a stretch allows.
pub(super) fn some(
    connection: &Connection,
    sweep: &Sweep,
    rows: &[Row],
) -> rusqlite::Result<Removed> {
    let started = Instant::now();
    let mut removed = Removed::default();
    let mut trimmed: BTreeMap<i64, u64> = BTreeMap::new();
    for row in rows {
        if removed.passed > 0 && started.elapsed() >= STRETCH {
            break;
        }
        let count = match row {
            Row::Command { queue, sequence } => {
                let queue = i64::try_from(*queue).unwrap_or(i64::MAX);
                let position = command(connection, sweep, (queue, *sequence))?;
                if let Some(position) = position {
                    trimmed.insert(queue, *sequence);
                    let newest = trimmed.entry(LOG).or_default();
                    *newest = position.max(*newest);
                }
                usize::from(position.is_some())
            }
            _ => other(connection, sweep, row)?,
        };
        removed.passed += 1;
        removed.removed += count as u64;
    }
    for (queue, sequence) in trimmed {
        let sql = "INSERT INTO protean_trimmed (queue, sequence) VALUES (?1, ?2)
            ON CONFLICT (queue) DO UPDATE SET sequence = MAX(sequence, excluded.sequence)";
        let mut upsert = connection.prepare_cached(sql)?;
        upsert.execute(params![queue, sequence])?;
    }
    Ok(removed)
}

/// Removes a command, unless it has become another one: tables may have been emptied since it was
/// found. A subscription that came meanwhile has a cursor. Says which position it had.
fn command(
    connection: &Connection,
    sweep: &Sweep,
    (queue, sequence): (i64, u64),
) -> rusqlite::Result<Option<u64>> {
    let sql = "DELETE FROM protean_message WHERE queue = ?1 AND sequence = ?2 AND kind = 0
        AND time < ?3 AND NOT EXISTS (SELECT 1 FROM protean_cursor AS c
            WHERE c.queue = ?1 AND c.sequence < ?2)
        RETURNING position";
    let place = params![queue, sequence, sweep.before.as_microsecond()];
    let mut delete = connection.prepare_cached(sql)?;
    delete.query_row(place, |row| row.get(0)).optional()
}

/// Removes anything else, unless it has become another one.
fn other(connection: &Connection, sweep: &Sweep, row: &Row) -> rusqlite::Result<usize> {
    let before = sweep.before.as_microsecond();
    let delete = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql)?.execute(parameters)
    };
    match row {
        Row::Key { key, position } => delete(
            "DELETE FROM protean_idempotency WHERE key = ?1 AND position = ?2",
            params![key, position],
        ),
        Row::Trace(id) => delete(
            "DELETE FROM protean_trace WHERE id = ?1 AND started < ?2",
            params![id, before],
        ),
        Row::Import(name) => delete(
            "DELETE FROM protean_import WHERE name = ?1 AND updated < ?2 AND state IN (?3, ?4)",
            params![
                name,
                before,
                State::Cancelled.name(),
                State::Finished.name()
            ],
        ),
        Row::Command { .. } | Row::Arrival { .. } | Row::Process(_) => Ok(0),
    }
}
