//! What was done with messages: written by the commits that settle them, read for `events trace`.

use std::time::Duration;

use jiff::Timestamp;
use protean_core::Lane;
use protean_core::port::broker::Subscription;
use protean_core::port::store::Position;
use protean_core::port::trace::{
    Attempt, Fate, Messages, Outcome, Record, Records, SPAN_MAX, State, together,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::broker;
use crate::log::lane_of;
use crate::message::moment;
use crate::writer::lane_number;

const COLUMNS: &str = "protean_trace (subscription, lane, attempt, outcome, started, took, error,
    queue, first, last, ranges)";

/// Writes what was done in a transaction.
pub(crate) fn write(connection: &Connection, records: Records) -> rusqlite::Result<()> {
    for record in records.into_rows() {
        insert(connection, &record)?;
    }
    Ok(())
}

fn insert(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let Record {
        subscription,
        lane,
        messages,
        outcome,
        handling,
        error,
    } = record;
    let (name, lane, outcome) = (&*subscription.name, lane_number(*lane), outcome.number());
    let started = handling.started.as_microsecond();
    let took = i64::try_from(handling.took.as_micros()).unwrap_or(i64::MAX);
    let attempt = handling.attempt;
    match messages {
        Messages::Queue {
            queue,
            first,
            last,
            ranges,
        } => {
            let sql = format!(
                "INSERT INTO {COLUMNS} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            );
            let mut insert = connection.prepare_cached(&sql)?;
            insert.execute(params![
                name, lane, attempt, outcome, started, took, error, queue, first, last, ranges
            ])?;
        }
        Messages::At(position) => {
            let sql = format!(
                "INSERT INTO {COLUMNS} SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, queue, sequence, sequence,
                     NULL FROM protean_message WHERE position = ?8"
            );
            let mut insert = connection.prepare_cached(&sql)?;
            insert.execute(params![
                name, lane, attempt, outcome, started, took, error, position.0
            ])?;
        }
    }
    Ok(())
}

/// A message, by its place in the log.
struct Place {
    position: Position,
    queue: i64,
    sequence: u64,
    stream: String,
    /// None of what is delivered to nobody.
    lane: Option<Lane>,
}

/// What became of messages in subscriptions.
pub(crate) fn fates(
    connection: &Connection,
    positions: &[Position],
    subscriptions: &[Subscription],
) -> rusqlite::Result<Vec<Fate>> {
    // One transaction, so that all is of one moment.
    let moment = connection.unchecked_transaction()?;
    let mut fates = Vec::new();
    for position in positions {
        let Some(place) = place(&moment, *position)? else {
            continue;
        };
        let Some(lane) = place.lane else { continue };
        for subscription in subscriptions {
            if *subscription.stream == *place.stream {
                fates.push(fate(&moment, (&place, lane), subscription)?);
            }
        }
    }
    Ok(fates)
}

fn place(connection: &Connection, position: Position) -> rusqlite::Result<Option<Place>> {
    let sql = "SELECT m.queue, m.sequence, q.stream, q.lane FROM protean_message AS m
        JOIN protean_queue AS q ON q.id = m.queue WHERE m.position = ?1";
    let mut select = connection.prepare_cached(sql)?;
    let place = |row: &Row<'_>| {
        Ok(Place {
            position,
            queue: row.get(0)?,
            sequence: row.get(1)?,
            stream: row.get(2)?,
            lane: lane_of(row.get(3)?),
        })
    };
    select.query_row([position.0], place).optional()
}

fn fate(
    connection: &Connection,
    (place, lane): (&Place, Lane),
    subscription: &Subscription,
) -> rusqlite::Result<Fate> {
    let state = match aside(connection, place, subscription)? {
        Some(state) => state,
        None => flow(connection, place, subscription)?,
    };
    Ok(Fate {
        position: place.position,
        subscription: subscription.clone(),
        lane,
        state,
        attempts: attempts(connection, place, subscription)?,
    })
}

/// Where a message stands that is out of the flow of its lane.
fn aside(
    connection: &Connection,
    place: &Place,
    subscription: &Subscription,
) -> rusqlite::Result<Option<State>> {
    let key = params![&*subscription.name, &*subscription.stream, place.position.0];
    let sql = "SELECT due, failures, error FROM protean_parked
        WHERE subscription = ?1 AND stream = ?2 AND position = ?3";
    let parked = connection.prepare_cached(sql)?.query_row(key, |row| {
        let due: Option<i64> = row.get(0)?;
        Ok(State::Parked {
            due: due.and_then(|micros| Timestamp::from_microsecond(micros).ok()),
            failures: row.get(1)?,
            error: row.get(2)?,
        })
    });
    if let Some(parked) = parked.optional()? {
        return Ok(Some(parked));
    }
    let sql = "SELECT id, error FROM protean_dead_letter
        WHERE subscription = ?1 AND stream = ?2 AND position = ?3 ORDER BY id DESC LIMIT 1";
    let dead = connection.prepare_cached(sql)?.query_row(key, |row| {
        Ok(State::Dead {
            letter: row.get(0)?,
            error: row.get(1)?,
        })
    });
    dead.optional()
}

/// Where a message stands that is not out of the flow of its lane.
fn flow(
    connection: &Connection,
    place: &Place,
    subscription: &Subscription,
) -> rusqlite::Result<State> {
    let settled = broker::settled(connection, &subscription.name, place.queue)?;
    Ok(match settled.contains(place.sequence) {
        true => State::Settled,
        false => State::Waiting {
            before: settled.unsettled_before(place.sequence),
        },
    })
}

fn attempts(
    connection: &Connection,
    place: &Place,
    subscription: &Subscription,
) -> rusqlite::Result<Vec<Attempt>> {
    let sql =
        "SELECT first, last, ranges, attempt, started, took, outcome, error FROM protean_trace
        WHERE queue = ?1 AND first BETWEEN ?2 AND ?3 AND last >= ?3 AND subscription = ?4
        ORDER BY id";
    let mut select = connection.prepare_cached(sql)?;
    let from = place.sequence.saturating_sub(SPAN_MAX - 1);
    let found = select.query_map(
        params![place.queue, from, place.sequence, &*subscription.name],
        |row| attempt(row, place.sequence),
    )?;
    found.filter_map(Result::transpose).collect()
}

/// The try in a row, if the message with this number was part of it.
fn attempt(row: &Row<'_>, sequence: u64) -> rusqlite::Result<Option<Attempt>> {
    let ranges: Option<String> = row.get(2)?;
    let span = (row.get(0)?, row.get(1)?);
    let Some(together) = together(sequence, span, ranges.as_deref()) else {
        return Ok(None);
    };
    let Some(outcome) = Outcome::of(row.get(6)?) else {
        return Ok(None);
    };
    Ok(Some(Attempt {
        number: row.get(3)?,
        started: moment(row.get(4)?),
        took: Duration::from_micros(row.get(5)?),
        together,
        outcome,
        error: row.get(7)?,
    }))
}
