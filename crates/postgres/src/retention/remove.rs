//! Removing what was found old, unless it has become something else: tables may have been emptied
//! since it was found.

use deadpool_postgres::Client;
use protean_core::port::imports::State;
use protean_core::port::retention::{Row, Sweep};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::locks;
use crate::message::column;
use crate::value::Micros;

/// A subscription that came meanwhile has a cursor.
const COMMANDS: &str = "WITH gone AS (
        DELETE FROM protean_message AS m
        USING unnest($1::bigint[], $2::bigint[]) AS u(queue, sequence)
        WHERE m.queue = u.queue AND m.sequence = u.sequence AND NOT m.event AND m.time < $3
            AND NOT EXISTS (SELECT 1 FROM protean_cursor AS c
                WHERE c.queue = m.queue AND c.sequence < m.sequence)
        RETURNING m.queue, m.sequence
    ), trimmed AS (
        INSERT INTO protean_trimmed (queue, sequence)
        SELECT queue, max(sequence) FROM gone GROUP BY queue ORDER BY queue ON CONFLICT (queue)
        DO UPDATE SET sequence = GREATEST(protean_trimmed.sequence, excluded.sequence)
    )
    SELECT count(*) FROM gone";

const KEYS: &str = "WITH gone AS (
        DELETE FROM protean_idempotency AS i
        USING unnest($1::bytea[], $2::bigint[]) AS u(key, position)
        WHERE i.key = u.key AND i.position = u.position RETURNING 1)
    SELECT count(*) FROM gone";

const ARRIVALS: &str = "WITH gone AS (
        DELETE FROM protean_taken_in AS a USING unnest($1::text[], $2::uuid[]) AS u(stream, id)
        WHERE a.stream = u.stream AND a.id = u.id RETURNING 1)
    SELECT count(*) FROM gone";

const TRACES: &str = "WITH gone AS (DELETE FROM protean_trace
        WHERE id = ANY($1::bigint[]) AND started < $2 RETURNING 1)
    SELECT count(*) FROM gone";

const IMPORTS: &str = "WITH gone AS (DELETE FROM protean_import
        WHERE name = ANY($1::text[]) AND updated < $2 AND state = ANY($3) RETURNING 1)
    SELECT count(*) FROM gone";

const GAUGES: &str = "WITH gone AS (DELETE FROM protean_gauge
        WHERE process = ANY($1::text[]) AND updated < $2 RETURNING 1)
    SELECT count(*) FROM gone";

/// The rows, in arrays.
#[derive(Default)]
struct Arrays<'r> {
    commands: (Vec<i64>, Vec<i64>),
    keys: (Vec<&'r [u8]>, Vec<i64>),
    arrivals: (Vec<&'r str>, Vec<Uuid>),
    traces: Vec<i64>,
    imports: Vec<&'r str>,
    processes: Vec<&'r str>,
}

impl<'r> Arrays<'r> {
    fn of(rows: &'r [Row]) -> Self {
        let mut arrays = Self::default();
        for row in rows {
            match row {
                Row::Command { queue, sequence } => {
                    arrays.commands.0.push(column(*queue));
                    arrays.commands.1.push(column(*sequence));
                }
                Row::Key { key, position } => {
                    arrays.keys.0.push(key);
                    arrays.keys.1.push(column(*position));
                }
                Row::Arrival { stream, id } => {
                    arrays.arrivals.0.push(stream);
                    arrays.arrivals.1.push(*id);
                }
                Row::Trace(id) => arrays.traces.push(column(*id)),
                Row::Import(name) => arrays.imports.push(name),
                Row::Process(name) => arrays.processes.push(name),
            }
        }
        arrays
    }
}

/// Removes rows in one transaction; says how many there were.
pub(super) async fn all(client: &mut Client, sweep: &Sweep, rows: &[Row]) -> Result<u64, Error> {
    let transaction = client.transaction().await?;
    let arrays = Arrays::of(rows);
    let removed = run(&transaction, sweep, &arrays).await?;
    transaction.commit().await?;
    Ok(u64::try_from(removed).unwrap_or_default())
}

async fn run(
    transaction: &Transaction<'_>,
    sweep: &Sweep,
    arrays: &Arrays<'_>,
) -> Result<i64, Error> {
    let before = Micros::of(sweep.before);
    let ended = [State::Cancelled, State::Finished].map(State::name);
    let (queues, sequences) = &arrays.commands;
    if !queues.is_empty() {
        // Whoever begins to read waits, and begins after what is trimmed here.
        let lock = "SELECT pg_advisory_xact_lock($1)";
        transaction.execute(lock, &[&locks::TRIMMING]).await?;
        let row = transaction
            .query_one(COMMANDS, &[queues, sequences, &before])
            .await?;
        return row.try_get(0);
    }
    let (keys, positions) = &arrays.keys;
    let (streams, ids) = &arrays.arrivals;
    let row = if !keys.is_empty() {
        transaction.query_one(KEYS, &[keys, positions]).await
    } else if !ids.is_empty() {
        transaction.query_one(ARRIVALS, &[streams, ids]).await
    } else if !arrays.traces.is_empty() {
        transaction
            .query_one(TRACES, &[&arrays.traces, &before])
            .await
    } else if !arrays.imports.is_empty() {
        transaction
            .query_one(IMPORTS, &[&arrays.imports, &before, &&ended[..]])
            .await
    } else {
        transaction
            .query_one(GAUGES, &[&arrays.processes, &before])
            .await
    };
    row?.try_get(0)
}
