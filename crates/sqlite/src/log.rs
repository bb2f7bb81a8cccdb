//! The log of all messages.

use std::sync::Arc;

use protean_core::interner::Interner;
use protean_core::naming::split_entity;
use protean_core::port::broker::{Broker, Listener, Subscription};
use protean_core::port::log::{Entry, Log, Search, Stat};
use protean_core::port::store::Position;
use protean_core::port::trace::Fate;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use rusqlite::{Connection, ToSql, params};
use uuid::Uuid;

use crate::Sqlite;
use crate::error::failed;
use crate::message::{self, COLUMNS, Logged};
use crate::writer::lane_number;
use crate::{search, trace};

impl Log for Sqlite {
    fn read<'a>(
        &'a self,
        stream: &'a str,
        lane: Option<Lane>,
        from: Position,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        let stream = stream.to_owned();
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            let read = || match split_entity(&stream) {
                Some((stream, key)) => {
                    let condition = "q.stream = ?1 AND m.position >= ?2 AND m.key = ?4
                        AND (?5 IS NULL OR q.lane = ?5)";
                    let lane = lane.map(lane_number);
                    entries(
                        connection,
                        condition,
                        params![stream, from.0, count_max, key, lane],
                    )
                }
                None => of_stream(connection, (&stream, lane), from, count_max),
            };
            read().map_err(|error| failed("the read", &error))
        }))
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, port::Error>> {
        Broker::listen(self)
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

    fn find(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Entry>, port::Error>> {
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            search::find(connection, id).map_err(|error| failed("the look for a message", &error))
        }))
    }

    fn search<'a>(
        &'a self,
        search: &'a Search,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        let search = search.clone();
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            search::search(connection, &search, count_max)
                .map_err(|error| failed("the search", &error))
        }))
    }

    fn stats(&self) -> BoxFuture<'_, Result<Vec<Stat>, port::Error>> {
        Box::pin(self.readers(Lane::Primary).read(|connection| {
            search::stats(connection).map_err(|error| failed("the statistics", &error))
        }))
    }

    fn fates<'a>(
        &'a self,
        positions: &'a [Position],
        subscriptions: &'a [Subscription],
    ) -> BoxFuture<'a, Result<Vec<Fate>, port::Error>> {
        let (positions, subscriptions) = (positions.to_vec(), subscriptions.to_vec());
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            trace::fates(connection, &positions, &subscriptions)
                .map_err(|error| failed("the trace", &error))
        }))
    }
}

/// The messages of a stream, merged from its queues by position.
fn of_stream(
    connection: &Connection,
    (stream, lane): (&str, Option<Lane>),
    from: Position,
    count_max: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let sql = "SELECT id FROM protean_queue WHERE stream = ?1 AND (?2 IS NULL OR lane = ?2)";
    let mut queues = connection.prepare_cached(sql)?;
    let ids: Vec<i64> = queues
        .query_map(params![stream, lane.map(lane_number)], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut all = Vec::new();
    for id in ids {
        // In a queue, positions grow with the sequence, so the first row is found by bisection.
        let first = search::first_sequence(connection, id, ("position", from.0))?;
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

/// The messages that a condition finds; its third parameter is their greatest number.
pub(crate) fn entries(
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
    let lane = lane_of(logged.lane);
    let message = Arc::new(logged.message);
    Entry {
        position: Position(logged.position),
        lane,
        message,
    }
}

/// The lane with this number; `None` for messages that are delivered to nobody.
pub(crate) fn lane_of(number: i64) -> Option<Lane> {
    Lane::ALL
        .into_iter()
        .find(|lane| lane_number(*lane) == number)
}
