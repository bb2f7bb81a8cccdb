//! The log of all messages.

use std::sync::Arc;

use protean_core::interner::Interner;
use protean_core::naming::split_entity;
use protean_core::port::log::{Entry, Log};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use rusqlite::{Connection, ToSql, params};

use crate::Sqlite;
use crate::error::failed;
use crate::message::{self, COLUMNS, Logged};
use crate::writer::lane_number;

impl Log for Sqlite {
    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: Position,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        let stream = stream.to_owned();
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            let read = || match split_entity(&stream) {
                Some((stream, key)) => {
                    let condition = "q.stream = ?1 AND m.position >= ?2 AND m.key = ?4";
                    entries(
                        connection,
                        condition,
                        params![stream, from.0, count_max, key],
                    )
                }
                None => of_stream(connection, &stream, from, count_max),
            };
            read().map_err(|error| failed("the read", &error))
        }))
    }

    fn trace<'a>(
        &'a self,
        correlation_id: &'a str,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        let correlation_id = correlation_id.to_owned();
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            let condition = "m.correlation_id = ?1 AND m.position > ?2";
            entries(connection, condition, params![correlation_id, 0, count_max])
                .map_err(|error| failed("the trace", &error))
        }))
    }
}

/// The messages of a stream, merged from its queues by position.
fn of_stream(
    connection: &Connection,
    stream: &str,
    from: Position,
    count_max: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let mut queues = connection.prepare_cached("SELECT id FROM protean_queue WHERE stream = ?1")?;
    let ids: Vec<i64> = queues
        .query_map([stream], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut all = Vec::new();
    for id in ids {
        // In a queue, positions grow with the sequence, so the first row is found by bisection.
        let first = first_sequence(connection, id, from)?;
        let condition = "m.queue = ?1 AND m.sequence >= ?2";
        all.extend(entries(
            connection,
            condition,
            params![id, first, count_max],
        )?);
    }
    all.sort_by_key(|entry: &Entry| entry.position);
    all.truncate(count_max);
    Ok(all)
}

/// The number of the first message of a queue at or after a position.
fn first_sequence(connection: &Connection, queue: i64, from: Position) -> rusqlite::Result<u64> {
    let sql = "SELECT head FROM protean_queue WHERE id = ?1";
    let head: u64 = connection
        .prepare_cached(sql)?
        .query_row([queue], |row| row.get(0))?;
    let sql = "SELECT position FROM protean_message WHERE queue = ?1 AND sequence >= ?2
        ORDER BY sequence LIMIT 1";
    let mut position = connection.prepare_cached(sql)?;
    let (mut low, mut high) = (1, head + 1);
    while low < high {
        let middle = u64::midpoint(low, high);
        let found: u64 = position.query_row(params![queue, middle], |row| row.get(0))?;
        if found < from.0 {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The messages that a condition finds; its third parameter is their greatest number.
fn entries(
    connection: &Connection,
    condition: &str,
    parameters: &[&dyn ToSql],
) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM protean_message AS m JOIN protean_queue AS q ON q.id = m.queue
         WHERE {condition} ORDER BY m.position LIMIT ?3"
    );
    let mut interner = Interner::default();
    let mut select = connection.prepare_cached(&sql)?;
    let found = select.query_map(parameters, |row| message::read(row, &mut interner))?;
    found.map(|logged| logged.map(entry)).collect()
}

fn entry(logged: Logged) -> Entry {
    let lane = Lane::ALL
        .into_iter()
        .find(|lane| lane_number(*lane) == logged.lane);
    let message = Arc::new(logged.message);
    Entry {
        position: Position(logged.position),
        lane,
        message,
    }
}
