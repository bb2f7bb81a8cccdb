//! Messages found by what they are, without reading the whole log.

use std::fmt::Write as _;

use jiff::Timestamp;
use protean_core::port::log::{Entry, Search, Stat};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::log::{entries, lane_of};
use crate::schema::{HEAD, POSITION};
use crate::writer::lane_number;

/// A column that grows along the log, and a value of it.
type Edge<'e> = (&'e str, u64);

/// The number of the first message of a queue at or after an edge. Found by bisection, since
/// positions grow with the numbers, and times nearly do.
pub(crate) fn first_sequence(
    connection: &Connection,
    queue: i64,
    (column, from): Edge<'_>,
) -> rusqlite::Result<u64> {
    let head = format!("SELECT {HEAD} FROM protean_queue AS q WHERE q.id = ?1");
    let head: u64 = connection
        .prepare_cached(&head)?
        .query_row([queue], |row| row.get(0))?;
    let sql = format!(
        "SELECT {column} FROM protean_message WHERE queue = ?1 AND sequence >= ?2
         ORDER BY sequence LIMIT 1"
    );
    let mut next = connection.prepare_cached(&sql)?;
    bisect(head, |middle| {
        let found: Option<u64> = next
            .query_row(params![queue, middle], |row| row.get(0))
            .optional()?;
        Ok(found.is_some_and(|found| found < from))
    })
}

/// The first position with messages made at or after a moment, which is nearly right.
fn first_position(connection: &Connection, moment: Timestamp) -> rusqlite::Result<u64> {
    let head: u64 = connection
        .prepare_cached(POSITION)?
        .query_row([], |row| row.get(0))?;
    let sql = "SELECT time FROM protean_message WHERE position >= ?1 ORDER BY position LIMIT 1";
    let mut next = connection.prepare_cached(sql)?;
    bisect(head, |middle| {
        let found: Option<i64> = next.query_row([middle], |row| row.get(0)).optional()?;
        Ok(found.is_some_and(|found| found < moment.as_microsecond()))
    })
}

/// The first number from 1 that is not before the edge; one more than `head` when all are.
fn bisect(
    head: u64,
    mut is_before: impl FnMut(u64) -> rusqlite::Result<bool>,
) -> rusqlite::Result<u64> {
    let (mut low, mut high) = (1, head + 1);
    while low < high {
        let middle = u64::midpoint(low, high);
        if is_before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The message with an id that tells when it was made.
pub(crate) fn find(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<Entry>> {
    let Some(times) = Search::times_of(id) else {
        return Ok(None);
    };
    let edge = |moment: Timestamp| u64::try_from(moment.as_microsecond()).unwrap_or_default();
    let mut queues = connection.prepare_cached("SELECT id FROM protean_queue")?;
    let queues: Vec<i64> = queues
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for (since, until) in times {
        let (from, to) = (edge(since), edge(until));
        for queue in &queues {
            let first = first_sequence(connection, *queue, ("time", from))?;
            let end = first_sequence(connection, *queue, ("time", to))?;
            let sql = "SELECT position FROM protean_message
                WHERE queue = ?1 AND sequence >= ?2 AND sequence < ?3 AND id = ?4";
            let position: Option<u64> = connection
                .prepare_cached(sql)?
                .query_row(params![queue, first, end, id.as_bytes()], |row| row.get(0))
                .optional()?;
            if let Some(position) = position {
                let condition = "m.position = ?1 AND m.position > ?2";
                let found = entries(connection, condition, params![position, 0, 1])?;
                return Ok(found.into_iter().next());
            }
        }
    }
    Ok(None)
}

/// The newest messages that a search means, oldest first.
pub(crate) fn search(
    connection: &Connection,
    search: &Search,
    count_max: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let micros = |moment: Timestamp| Value::from(moment.as_microsecond());
    let text = |text: &String| Value::from(text.clone());
    let lane = search.lane.map(|lane| Value::from(lane_number(lane)));
    // The sign keeps the position from being taken for the way to the messages.
    let mut conditions = match search.is_narrow() {
        true => "+m.position >= ?1 AND +m.position < ?2".to_owned(),
        false => "m.position >= ?1 AND m.position < ?2".to_owned(),
    };
    let (from, to) = window(connection, search)?;
    let whole = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    let mut values = vec![whole(from), whole(to), Value::from(count_max)];
    for (condition, value) in [
        (
            "m.correlation_id =",
            search.correlation_id.as_ref().map(text),
        ),
        ("m.key =", search.key.as_ref().map(text)),
        ("m.type =", search.type_name.as_ref().map(text)),
        ("q.stream =", search.stream.as_ref().map(text)),
        ("q.lane =", lane),
        ("m.time >=", search.since.map(micros)),
        ("m.time <", search.until.map(micros)),
    ] {
        if let Some(value) = value {
            values.push(value);
            let _ = write!(conditions, " AND {condition} ?{}", values.len());
        }
    }
    let newest = format!(
        "m.position IN (SELECT m.position FROM protean_message AS m
             JOIN protean_queue AS q ON q.id = m.queue
             WHERE {conditions} ORDER BY m.position DESC LIMIT ?3)"
    );
    let values: Vec<&dyn rusqlite::ToSql> = values.iter().map(|it| it as _).collect();
    entries(connection, &newest, &values)
}

/// The positions that are looked at: from the first, up to before the second.
fn window(connection: &Connection, search: &Search) -> rusqlite::Result<(u64, u64)> {
    if search.is_narrow() {
        return Ok((0, u64::MAX >> 1));
    }
    let (since, until) = search.times();
    let end = first_position(connection, until)?;
    let since = first_position(connection, since)?;
    Ok((since.max(end.saturating_sub(Search::LOOKED_AT_MAX)), end))
}

/// What each lane of each stream has taken in.
pub(crate) fn stats(connection: &Connection) -> rusqlite::Result<Vec<Stat>> {
    let sql = format!(
        "SELECT q.stream, q.lane, {HEAD},
            (SELECT time FROM protean_message WHERE queue = q.id ORDER BY sequence LIMIT 1),
            (SELECT time FROM protean_message WHERE queue = q.id ORDER BY sequence DESC LIMIT 1)
        FROM protean_queue AS q ORDER BY q.stream, q.lane, q.band"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let moment = |micros: Option<i64>| micros.and_then(|it| Timestamp::from_microsecond(it).ok());
    let found = select.query_map([], |row| {
        Ok(Stat {
            stream: row.get(0)?,
            lane: lane_of(row.get(1)?),
            published: row.get(2)?,
            oldest: moment(row.get(3)?),
            newest: moment(row.get(4)?),
        })
    })?;
    Ok(Stat::joined(found.collect::<rusqlite::Result<_>>()?))
}
