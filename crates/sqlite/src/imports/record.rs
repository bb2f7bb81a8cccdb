//! What is written down of imports.

use jiff::Timestamp;
use protean_core::Priority;
use protean_core::port;
use protean_core::port::imports::{Import, Plan, Progress, State, kept_state};
use protean_core::port::store::Position;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::error::failed;
use crate::message::moment;

/// The columns that [`read`] wants.
const COLUMNS: &str = "name, source, digest, arguments, priority, state, row_count, accepted, \
     duplicates, rejected, rejects_bytes, last, withdrawn, started, updated";

fn broken(error: &rusqlite::Error) -> port::Error {
    failed("the record of imports", error)
}

pub(super) fn list(connection: &Connection, count_max: usize) -> Result<Vec<Import>, port::Error> {
    let sql = format!("SELECT {COLUMNS} FROM protean_import ORDER BY started DESC, name LIMIT ?1");
    let mut select = connection.prepare_cached(&sql).map_err(|e| broken(&e))?;
    let rows = select.query_map([count_max], |row| Ok(read(row)));
    let rows = rows.map_err(|error| broken(&error))?;
    rows.map(|row| row.map_err(|error| broken(&error))?)
        .collect()
}

pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<Import>, port::Error> {
    let sql = format!("SELECT {COLUMNS} FROM protean_import WHERE name = ?1");
    let mut select = connection.prepare_cached(&sql).map_err(|e| broken(&e))?;
    let found = select.query_row([name], |row| Ok(read(row))).optional();
    found.map_err(|error| broken(&error))?.transpose()
}

fn read(row: &Row<'_>) -> Result<Import, port::Error> {
    let state: String = row.get(5).map_err(|error| broken(&error))?;
    let state = kept_state(&state)?;
    read_columns(row, state).map_err(|error| broken(&error))
}

fn read_columns(row: &Row<'_>, state: State) -> rusqlite::Result<Import> {
    let time = |at| {
        let micros = row.get(at)?;
        Ok::<_, rusqlite::Error>(moment(micros))
    };
    Ok(Import {
        plan: Plan {
            name: row.get(0)?,
            source: row.get(1)?,
            digest: row.get(2)?,
            arguments: row.get(3)?,
            priority: Priority::new(row.get(4)?),
        },
        state,
        progress: Progress {
            rows: row.get(6)?,
            accepted: row.get(7)?,
            duplicates: row.get(8)?,
            rejected: row.get(9)?,
            rejects_bytes: row.get(10)?,
            last: Position(row.get(11)?),
        },
        withdrawn: row.get(12)?,
        started: time(13)?,
        updated: time(14)?,
    })
}

pub(super) fn start(
    connection: &Connection,
    plan: &Plan,
    runner: Uuid,
) -> Result<Import, port::Error> {
    let sql = "INSERT INTO protean_import
            (name, source, digest, arguments, priority, state, runner, started, updated)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
        ON CONFLICT (name) DO UPDATE SET runner = excluded.runner";
    let now = Timestamp::now().as_microsecond();
    let mut upsert = connection.prepare_cached(sql).map_err(|e| broken(&e))?;
    upsert
        .execute(params![
            plan.name,
            plan.source,
            plan.digest,
            plan.arguments,
            plan.priority.value(),
            State::Running.name(),
            runner.as_bytes(),
            now
        ])
        .map_err(|error| broken(&error))?;
    let gone = || broken(&rusqlite::Error::QueryReturnedNoRows);
    find(connection, &plan.name)?.ok_or_else(gone)
}

pub(super) fn advance(
    connection: &Connection,
    name: &str,
    runner: Uuid,
    progress: &Progress,
) -> Result<Option<State>, port::Error> {
    let sql = "UPDATE protean_import SET row_count = ?3, accepted = ?4, duplicates = ?5,
            rejected = ?6, rejects_bytes = ?7, last = ?8, updated = ?9
        WHERE name = ?1 AND runner = ?2 RETURNING state";
    let mut update = connection.prepare_cached(sql).map_err(|e| broken(&e))?;
    let state: Option<String> = update
        .query_row(
            params![
                name,
                runner.as_bytes(),
                progress.rows,
                progress.accepted,
                progress.duplicates,
                progress.rejected,
                progress.rejects_bytes,
                progress.last.0,
                Timestamp::now().as_microsecond()
            ],
            |row| row.get(0),
        )
        .optional()
        .map_err(|error| broken(&error))?;
    state.as_deref().map(kept_state).transpose()
}

pub(super) fn ask(
    connection: &Connection,
    name: &str,
    state: State,
) -> Result<Option<State>, port::Error> {
    let Some(import) = find(connection, name)? else {
        return Ok(None);
    };
    if !import.state.is_final() {
        let sql = "UPDATE protean_import SET state = ?2 WHERE name = ?1";
        let changed = connection.execute(sql, params![name, state.name()]);
        changed.map_err(|error| broken(&error))?;
    }
    Ok(Some(import.state))
}

pub(super) fn count_withdrawn(
    connection: &Connection,
    name: &str,
    count: u64,
) -> Result<(), port::Error> {
    let sql = "UPDATE protean_import SET withdrawn = withdrawn + ?2 WHERE name = ?1";
    let changed = connection.execute(sql, params![name, count]);
    changed.map(drop).map_err(|error| broken(&error))
}
