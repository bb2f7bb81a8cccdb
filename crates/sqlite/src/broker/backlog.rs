//! How much a subscription has before it: a few point lookups, whatever the backlog.

use std::time::Duration;

use jiff::Timestamp;
use protean_core::Lane;
use protean_core::port::broker::{Backlog, Subscription};
use protean_core::port::{self};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::failed;
use crate::schema::HEAD;
use crate::writer::lane_number;
use protean_core::settled::Settled;

/// How old a gauge may be before it counts as left behind by a server that is gone.
const GAUGE_AGE_MAX: Duration = Duration::from_secs(5);

/// One queue as a subscription sees it.
struct Queue {
    id: i64,
    head: u64,
    settled: Settled,
}

pub(super) fn of(
    connection: &Connection,
    subscription: &Subscription,
    now: Timestamp,
) -> Result<[Backlog; 2], port::Error> {
    let broken = |error| failed("the backlog", &error);
    let of_lane = |lane| lane_backlog(connection, subscription, lane, now).map_err(broken);
    Ok([of_lane(Lane::Primary)?, of_lane(Lane::Backfill)?])
}

fn lane_backlog(
    connection: &Connection,
    subscription: &Subscription,
    lane: Lane,
    now: Timestamp,
) -> rusqlite::Result<Backlog> {
    let (name, stream) = (&*subscription.name, &*subscription.stream);
    let place = params![name, stream, lane_number(lane)];
    let mut unsettled = 0;
    let mut oldest: Option<i64> = None;
    for queue in queues(connection, subscription, lane)? {
        unsettled += queue.head - queue.settled.upto() - queue.settled.ahead_count();
        oldest = oldest
            .into_iter()
            .chain(first_time(connection, &queue)?)
            .min();
    }
    let (parked, parked_oldest): (u64, Option<i64>) = connection
        .prepare_cached(
            "SELECT COUNT(*), MIN(m.time) FROM protean_parked AS p
             JOIN protean_message AS m ON m.position = p.position
             WHERE p.subscription = ?1 AND p.stream = ?2 AND p.lane = ?3",
        )?
        .query_row(place, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let dead = connection
        .prepare_cached(
            "SELECT COUNT(*) FROM protean_dead_letter
             WHERE subscription = ?1 AND stream = ?2 AND lane = ?3",
        )?
        .query_row(place, |row| row.get(0))?;
    let (in_flight, rate_per_second) = gauge(connection, place, now)?;
    let oldest = oldest.into_iter().chain(parked_oldest).min();
    Ok(Backlog {
        lag: unsettled + parked,
        // A gauge is up to a second old: no more can be in flight than there is.
        pending: parked + u64::min(in_flight, unsettled),
        dead,
        oldest: oldest.map(|time| age(time, now)),
        rate_per_second,
    })
}

fn queues(
    connection: &Connection,
    subscription: &Subscription,
    lane: Lane,
) -> rusqlite::Result<Vec<Queue>> {
    let sql = format!(
        "SELECT q.id, {HEAD}, COALESCE(c.sequence, t.sequence, 0), COALESCE(c.ahead, '')
         FROM protean_queue AS q LEFT JOIN protean_trimmed AS t ON t.queue = q.id
         LEFT JOIN protean_cursor AS c ON c.queue = q.id AND c.subscription = ?1
         WHERE q.stream = ?2 AND q.lane = ?3"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let place = params![
        &*subscription.name,
        &*subscription.stream,
        lane_number(lane)
    ];
    let found = select.query_map(place, |row| {
        let (upto, ahead): (u64, String) = (row.get(2)?, row.get(3)?);
        let settled = Settled::parse(upto, &ahead).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, error.into())
        })?;
        Ok(Queue {
            id: row.get(0)?,
            head: row.get(1)?,
            settled,
        })
    })?;
    found.collect()
}

/// When the first message that is not settled was made.
fn first_time(connection: &Connection, queue: &Queue) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT time FROM protean_message WHERE queue = ?1 AND sequence = ?2";
    let next = queue.settled.upto() + 1;
    let mut select = connection.prepare_cached(sql)?;
    select
        .query_row(params![queue.id, next], |row| row.get(0))
        .optional()
}

fn gauge(
    connection: &Connection,
    place: &[&dyn rusqlite::ToSql],
    now: Timestamp,
) -> rusqlite::Result<(u64, f64)> {
    let sql = "SELECT in_flight, rate, updated FROM protean_gauge
        WHERE subscription = ?1 AND stream = ?2 AND lane = ?3";
    let mut select = connection.prepare_cached(sql)?;
    let found: Option<(u64, f64, i64)> = select
        .query_row(place, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let fresh = found.filter(|(_, _, updated)| age(*updated, now) < GAUGE_AGE_MAX);
    Ok(fresh.map_or((0, 0.0), |(in_flight, rate, _)| (in_flight, rate)))
}

fn age(micros: i64, now: Timestamp) -> Duration {
    let micros = now.as_microsecond().saturating_sub(micros);
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
