//! Up to where every subscription has settled the queues, and from when imports need what there is.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use protean_core::port::imports::State;
use protean_core::port::retention::Sweep;
use rusqlite::{Connection, OptionalExtension, params};

use crate::message::moment;
use crate::schema::{HEAD, INLINE_LANE};

/// The subscriptions of a queue's stream: those of the domain, with their streams, in `?1`, and all
/// that have left something behind.
const READERS: &str = "SELECT json_extract(u.value, '$[0]') AS name FROM json_each(?1) AS u
        WHERE json_extract(u.value, '$[1]') = q.stream
    UNION SELECT r.subscription FROM protean_cursor AS r
        JOIN protean_queue AS s ON s.id = r.queue WHERE s.stream = q.stream
    UNION SELECT g.subscription FROM protean_gauge AS g WHERE g.stream = q.stream";

/// How much older than an import its commands may look: their ids have milliseconds.
const SLACK: SignedDuration = SignedDuration::from_secs(1);

/// A queue, and up to where everybody has settled it.
pub(super) struct Bound {
    pub(super) queue: i64,
    pub(super) stream: String,
    pub(super) upto: u64,
}

/// Every queue, by its id. Of a stream that nobody reads nothing is settled.
pub(super) fn all(connection: &Connection, sweep: &Sweep) -> rusqlite::Result<Vec<Bound>> {
    let sql = format!(
        "SELECT q.id, q.stream, CASE WHEN q.lane = ?2 THEN {HEAD} ELSE COALESCE(
            (SELECT MIN(COALESCE(c.sequence, t.sequence, 0)) FROM ({READERS}) AS n
             LEFT JOIN protean_cursor AS c ON c.subscription = n.name AND c.queue = q.id), 0) END
         FROM protean_queue AS q LEFT JOIN protean_trimmed AS t ON t.queue = q.id ORDER BY q.id"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map(params![readers(sweep), INLINE_LANE], |row| {
        Ok(Bound {
            queue: row.get(0)?,
            stream: row.get(1)?,
            upto: row.get(2)?,
        })
    })?;
    rows.collect()
}

/// The bounds, by queue.
pub(super) fn by_queue(
    connection: &Connection,
    sweep: &Sweep,
) -> rusqlite::Result<HashMap<i64, u64>> {
    let all = all(connection, sweep)?.into_iter();
    Ok(all.map(|bound| (bound.queue, bound.upto)).collect())
}

fn readers(sweep: &Sweep) -> String {
    let all = sweep.subscriptions.iter();
    let pairs: Vec<[&str; 2]> = all.map(|one| [&*one.name, &*one.stream]).collect();
    serde_json::json!(pairs).to_string()
}

/// The moment before which nothing is needed by an import that has not ended: it may submit its rows
/// again.
pub(super) fn before(connection: &Connection, sweep: &Sweep) -> rusqlite::Result<Timestamp> {
    let sql = "SELECT MIN(started) FROM protean_import WHERE state IN (?1, ?2)";
    let live = params![State::Running.name(), State::Paused.name()];
    let mut select = connection.prepare_cached(sql)?;
    let first: Option<Option<i64>> = select.query_row(live, |row| row.get(0)).optional()?;
    Ok(match first.flatten() {
        Some(micros) => sweep.before.min(moment(micros) - SLACK),
        None => sweep.before,
    })
}
