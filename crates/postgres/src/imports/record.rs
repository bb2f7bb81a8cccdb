//! What is written down of imports.

use deadpool_postgres::GenericClient;
use protean_core::Priority;
use protean_core::port;
use protean_core::port::imports::{Import, Plan, Progress, State, kept_state};
use protean_core::port::store::Position;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::broken;
use crate::message::{column, number};
use crate::value::Micros;

/// The columns that [`read`] wants.
const COLUMNS: &str = "name, source, digest, arguments, priority, state, row_count, accepted, \
     duplicates, rejected, rejects_bytes, last, withdrawn, started, updated";

const ADVANCE: &str = "UPDATE protean_import SET row_count = $3, accepted = $4, duplicates = $5,
        rejected = $6, rejects_bytes = $7, last = $8, updated = clock_timestamp()
    WHERE name = $1 AND runner = $2 RETURNING state";

/// Answers what was to become of it before.
const ASK: &str = "WITH before AS (
        SELECT name, state FROM protean_import WHERE name = $1 FOR UPDATE
    ), changed AS (
        UPDATE protean_import AS i SET state = $2 FROM before AS b
        WHERE i.name = b.name AND b.state <> ALL($3::text[])
    )
    SELECT state FROM before";

pub(super) async fn list(
    client: &impl GenericClient,
    count_max: i64,
) -> Result<Vec<Import>, port::Error> {
    let sql = format!("SELECT {COLUMNS} FROM protean_import ORDER BY started DESC, name LIMIT $1");
    let rows = client.query(&sql, &[&count_max]).await;
    let rows = rows.map_err(|error| broken(&error))?;
    rows.iter().map(read).collect()
}

pub(super) async fn find(
    client: &impl GenericClient,
    name: &str,
) -> Result<Option<Import>, port::Error> {
    let sql = format!("SELECT {COLUMNS} FROM protean_import WHERE name = $1");
    let found = client.query_opt(&sql, &[&name]).await;
    let found = found.map_err(|error| broken(&error))?;
    found.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Import, port::Error> {
    let state: &str = row.try_get(5).map_err(|error| broken(&error))?;
    read_columns(row, kept_state(state)?).map_err(|error| broken(&error))
}

fn read_columns(row: &Row, state: State) -> Result<Import, Error> {
    let count = |at: usize| row.try_get(at).map(number);
    Ok(Import {
        plan: Plan {
            name: row.try_get(0)?,
            source: row.try_get(1)?,
            digest: row.try_get(2)?,
            arguments: row.try_get(3)?,
            priority: Priority::new(row.try_get(4)?),
        },
        state,
        progress: Progress {
            rows: count(6)?,
            accepted: count(7)?,
            duplicates: count(8)?,
            rejected: count(9)?,
            rejects_bytes: count(10)?,
            last: Position(count(11)?),
        },
        withdrawn: count(12)?,
        started: row.try_get::<_, Micros>(13)?.timestamp(),
        updated: row.try_get::<_, Micros>(14)?.timestamp(),
    })
}

pub(super) async fn start(
    client: &impl GenericClient,
    plan: &Plan,
    runner: Uuid,
) -> Result<Import, port::Error> {
    let sql = format!(
        "INSERT INTO protean_import
             (name, source, digest, arguments, priority, state, runner, started, updated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now(), now())
         ON CONFLICT (name) DO UPDATE SET runner = excluded.runner RETURNING {COLUMNS}"
    );
    let written = client
        .query_one(
            &sql,
            &[
                &plan.name,
                &plan.source,
                &plan.digest,
                &plan.arguments,
                &plan.priority.value(),
                &State::Running.name(),
                &runner,
            ],
        )
        .await;
    read(&written.map_err(|error| broken(&error))?)
}

pub(super) async fn advance(
    client: &impl GenericClient,
    name: &str,
    runner: Uuid,
    progress: &Progress,
) -> Result<Option<State>, port::Error> {
    let update = client.prepare_cached(ADVANCE).await;
    let update = update.map_err(|error| broken(&error))?;
    let written = client
        .query_opt(
            &update,
            &[
                &name,
                &runner,
                &column(progress.rows),
                &column(progress.accepted),
                &column(progress.duplicates),
                &column(progress.rejected),
                &column(progress.rejects_bytes),
                &column(progress.last.0),
            ],
        )
        .await;
    state(written.map_err(|error| broken(&error))?.as_ref())
}

pub(super) async fn ask(
    client: &impl GenericClient,
    name: &str,
    asked: State,
) -> Result<Option<State>, port::Error> {
    let finals = [State::Cancelled.name(), State::Finished.name()];
    let before = client
        .query_opt(ASK, &[&name, &asked.name(), &&finals[..]])
        .await;
    state(before.map_err(|error| broken(&error))?.as_ref())
}

/// The state in the only column of a row.
fn state(row: Option<&Row>) -> Result<Option<State>, port::Error> {
    let Some(row) = row else {
        return Ok(None);
    };
    let text: &str = row.try_get(0).map_err(|error| broken(&error))?;
    kept_state(text).map(Some)
}

pub(super) async fn count_withdrawn(
    client: &impl GenericClient,
    name: &str,
    count: u64,
) -> Result<(), port::Error> {
    let sql = "UPDATE protean_import SET withdrawn = withdrawn + $2 WHERE name = $1";
    let changed = client.execute(sql, &[&name, &column(count)]).await;
    changed.map(drop).map_err(|error| broken(&error))
}
