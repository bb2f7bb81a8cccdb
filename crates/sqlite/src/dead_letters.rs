//! The messages that subscriptions gave up.

use std::sync::Arc;

use jiff::Timestamp;
use protean_core::interner::Interner;
use protean_core::port::broker::Subscription;
use protean_core::port::dead_letters::{DeadLetter, DeadLetters, Filter};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use rusqlite::types::Null;
use rusqlite::{Connection, Row, ToSql, params};

use crate::Sqlite;
use crate::database::Rings;
use crate::error::failed;
use crate::log::lane_of;
use crate::message::{self, COLUMN_COUNT, COLUMNS};
use crate::writer::lane_number;

/// The dead letters that a filter means; `?1` to `?7` are its conditions, or null.
const MATCHES: &str = "(?1 IS NULL OR d.id = ?1) AND (?2 IS NULL OR d.subscription = ?2) \
     AND (?3 IS NULL OR d.lane = ?3) AND (?4 IS NULL OR instr(lower(d.error), lower(?4)) > 0) \
     AND (?5 IS NULL OR d.failed_last >= ?5) AND (?6 IS NULL OR d.failed_last < ?6) \
     AND (?7 IS NULL OR EXISTS (SELECT 1 FROM protean_message AS o \
     WHERE o.position = d.position AND substr(o.correlation_id, 1, length(?7)) = ?7))";

impl DeadLetters for Sqlite {
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, port::Error>> {
        let filter = filter.clone();
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            list(connection, &filter, count_max)
                .map_err(|error| failed("the list of dead letters", &error))
        }))
    }

    fn count<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, port::Error>> {
        let filter = filter.clone();
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            count(connection, &filter).map_err(|error| failed("the count of dead letters", &error))
        }))
    }

    fn replay<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, port::Error>> {
        let filter = filter.clone();
        let replay = move |connection: &Connection| {
            replay(connection, &filter).map_err(|error| failed("the replay", &error))
        };
        Box::pin(self.write(Lane::Primary, Rings::Everything, replay))
    }

    fn purge<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, port::Error>> {
        let filter = filter.clone();
        let purge = move |connection: &Connection| {
            delete(connection, &filter).map_err(|error| failed("the purge", &error))
        };
        Box::pin(self.write(Lane::Primary, Rings::Nothing, purge))
    }
}

/// The conditions of a filter, as [`MATCHES`] wants them, and one more parameter.
fn with_conditions<T, R>(
    filter: &Filter,
    more: T,
    run: impl FnOnce(&[&dyn ToSql]) -> rusqlite::Result<R>,
) -> rusqlite::Result<R>
where
    T: ToSql,
{
    let lane = filter.lane.map(lane_number);
    let [since, until] =
        [filter.since, filter.until].map(|moment| moment.map(Timestamp::as_microsecond));
    run(params![
        filter.id,
        filter.subscription,
        lane,
        filter.error,
        since,
        until,
        filter.correlation_prefix,
        more,
    ])
}

fn list(
    connection: &Connection,
    filter: &Filter,
    count_max: usize,
) -> rusqlite::Result<Vec<DeadLetter>> {
    let sql = format!(
        "SELECT {COLUMNS}, d.id, d.subscription, d.stream, d.lane, d.attempts, d.failed_first,
             d.failed_last, d.error
         FROM protean_dead_letter AS d
         JOIN protean_message AS m ON m.position = d.position
         JOIN protean_queue AS q ON q.id = m.queue
         WHERE {MATCHES} ORDER BY d.id LIMIT ?8"
    );
    let mut interner = Interner::default();
    let mut select = connection.prepare_cached(&sql)?;
    with_conditions(filter, count_max, |conditions| {
        let found = select.query_map(conditions, |row| dead_letter(row, &mut interner))?;
        found.collect()
    })
}

fn count(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let sql =
        format!("SELECT COUNT(*) FROM protean_dead_letter AS d WHERE {MATCHES} AND ?8 IS NULL");
    let mut count = connection.prepare_cached(&sql)?;
    with_conditions(filter, Null, |conditions| {
        count.query_row(conditions, |row| row.get(0))
    })
}

fn dead_letter(row: &Row<'_>, interner: &mut Interner) -> rusqlite::Result<DeadLetter> {
    let logged = message::read(row, interner)?;
    let at = |nth: usize| COLUMN_COUNT + nth;
    let time = |nth| {
        let micros = row.get(at(nth))?;
        Ok::<_, rusqlite::Error>(message::moment(micros))
    };
    let (name, stream): (String, String) = (row.get(at(1))?, row.get(at(2))?);
    Ok(DeadLetter {
        id: row.get(at(0))?,
        subscription: Subscription::new(name, stream),
        lane: lane_of(row.get(at(3))?).unwrap_or(Lane::Backfill),
        position: Position(logged.position),
        attempts: row.get(at(4))?,
        failed_first: time(5)?,
        failed_last: time(6)?,
        error: row.get(at(7))?,
        message: Arc::new(logged.message),
    })
}

/// Sets the messages aside again, due at once: the subscription takes them from there, and each
/// takes effect once, like any message that is set aside.
fn replay(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let sql = format!(
        "INSERT INTO protean_parked (subscription, stream, position, lane, due, failures, error)
         SELECT d.subscription, d.stream, d.position, d.lane, ?8, 0, d.error
         FROM protean_dead_letter AS d WHERE {MATCHES} ORDER BY d.id ON CONFLICT DO NOTHING"
    );
    let now = Timestamp::now().as_microsecond();
    let mut insert = connection.prepare_cached(&sql)?;
    with_conditions(filter, now, |conditions| insert.execute(conditions))?;
    delete(connection, filter)
}

fn delete(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let sql = format!("DELETE FROM protean_dead_letter AS d WHERE {MATCHES} AND ?8 IS NULL");
    let mut delete = connection.prepare_cached(&sql)?;
    let count = with_conditions(filter, Null, |conditions| delete.execute(conditions))?;
    Ok(count as u64)
}
