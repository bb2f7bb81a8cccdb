//! What is left of an import in queues and aside.

use protean_core::Lane;
use protean_core::port::broker::{Place, Subscription};
use protean_core::port::imports::{Trail, Unsettled, correlation_prefix};
use protean_core::port::store::Position;
use protean_core::settled::Settled;
use rusqlite::{Connection, OptionalExtension, params};

use crate::broker::parse;
use crate::log::lane_of;
use crate::writer::lane_number;

/// Whether a message is a command of an import itself, with the prefix of its correlation ids in
/// `?1`: what it caused has a cause.
const OWN: &str = "m.kind = 0 AND m.causation_id IS NULL \
     AND substr(m.correlation_id, 1, length(?1)) = ?1";

/// A queue of a lane, as a subscription has settled it.
struct Queue {
    id: i64,
    lane: Lane,
    settled: Settled,
}

fn queues(connection: &Connection, subscription: &Subscription) -> rusqlite::Result<Vec<Queue>> {
    let mut queues = Vec::new();
    for lane in Lane::ALL {
        let mut select = connection.prepare_cached(
            "SELECT q.id, COALESCE(c.sequence, 0), COALESCE(c.ahead, '')
             FROM protean_queue AS q LEFT JOIN protean_cursor AS c
             ON c.queue = q.id AND c.subscription = ?1
             WHERE q.stream = ?2 AND q.lane = ?3",
        )?;
        let place = params![
            &*subscription.name,
            &*subscription.stream,
            lane_number(lane)
        ];
        let mut rows = select.query(place)?;
        while let Some(row) = rows.next()? {
            let ahead: String = row.get(2)?;
            queues.push(Queue {
                id: row.get(0)?,
                lane,
                settled: parse(row.get(1)?, &ahead)?,
            });
        }
    }
    queues.sort_by_key(|queue| queue.id);
    Ok(queues)
}

pub(super) fn queued(
    connection: &Connection,
    subscription: &Subscription,
    name: &str,
    after: Option<Place>,
    count_max: usize,
) -> rusqlite::Result<Vec<Unsettled>> {
    let (first, upto) = match after {
        Some(Place::Queue { queue, sequence }) => {
            (i64::try_from(queue).unwrap_or(i64::MAX), sequence)
        }
        Some(Place::Parked) | None => (0, 0),
    };
    let sql = format!(
        "SELECT m.sequence, m.position FROM protean_message AS m
         WHERE m.queue = ?2 AND m.sequence > ?3 AND {OWN} ORDER BY m.sequence"
    );
    let prefix = correlation_prefix(name);
    let mut found = Vec::new();
    for queue in queues(connection, subscription)? {
        if queue.id < first {
            continue;
        }
        let after = if queue.id == first { upto } else { 0 };
        let after = after.max(queue.settled.upto());
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query(params![prefix, queue.id, after])?;
        while found.len() < count_max
            && let Some(row) = rows.next()?
        {
            let sequence: u64 = row.get(0)?;
            if queue.settled.contains(sequence) {
                continue;
            }
            found.push(Unsettled {
                lane: queue.lane,
                place: Place::Queue {
                    queue: u64::try_from(queue.id).unwrap_or_default(),
                    sequence,
                },
                position: Position(row.get(1)?),
            });
        }
    }
    Ok(found)
}

pub(super) fn parked(
    connection: &Connection,
    subscription: &Subscription,
    name: &str,
    count_max: usize,
) -> rusqlite::Result<Vec<Unsettled>> {
    let sql = format!(
        "SELECT p.position, p.lane FROM protean_parked AS p
         JOIN protean_message AS m ON m.position = p.position
         WHERE p.subscription = ?2 AND p.stream = ?3 AND {OWN} ORDER BY p.position LIMIT ?4"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let place = params![
        correlation_prefix(name),
        &*subscription.name,
        &*subscription.stream,
        count_max
    ];
    let found = select.query_map(place, |row| {
        Ok(Unsettled {
            lane: lane_of(row.get(1)?).unwrap_or(Lane::Backfill),
            place: Place::Parked,
            position: Position(row.get(0)?),
        })
    })?;
    found.collect()
}

pub(super) fn trail(
    connection: &Connection,
    subscriptions: &[Subscription],
    name: &str,
    upto: Position,
) -> rusqlite::Result<Trail> {
    // One transaction: what was settled and what that published are seen together or not at all.
    let moment = connection.unchecked_transaction()?;
    let prefix = correlation_prefix(name);
    let mut is_settled = true;
    for subscription in subscriptions {
        is_settled = is_settled
            && queues_are_past(&moment, subscription, upto)?
            && nothing_is_aside(&moment, subscription, &prefix)?;
    }
    // From the end: there the last one is found soon, and nearly all before it need no look.
    let sql = "SELECT position FROM protean_message
        WHERE position > ?2 AND substr(correlation_id, 1, length(?1)) = ?1
        ORDER BY position DESC LIMIT 1";
    let beyond = match is_settled {
        true => moment
            .prepare_cached(sql)?
            .query_row(params![prefix, upto.0], |row| row.get(0))
            .optional()?,
        false => None,
    };
    Ok(Trail {
        is_settled,
        beyond: beyond.map(Position),
    })
}

/// Whether the first message of each queue that is not settled was published after a position.
fn queues_are_past(
    connection: &Connection,
    subscription: &Subscription,
    upto: Position,
) -> rusqlite::Result<bool> {
    let sql = "SELECT position FROM protean_message WHERE queue = ?1 AND sequence = ?2";
    for queue in queues(connection, subscription)? {
        let next = queue.settled.upto() + 1;
        let mut select = connection.prepare_cached(sql)?;
        let first: Option<u64> = select
            .query_row(params![queue.id, next], |row| row.get(0))
            .optional()?;
        if first.is_some_and(|first| first <= upto.0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether nothing of an import, nor of what it caused, is set aside.
fn nothing_is_aside(
    connection: &Connection,
    subscription: &Subscription,
    prefix: &str,
) -> rusqlite::Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM protean_parked AS p
            JOIN protean_message AS m ON m.position = p.position
            WHERE p.subscription = ?2 AND p.stream = ?3
                AND substr(m.correlation_id, 1, length(?1)) = ?1)";
    let mut select = connection.prepare_cached(sql)?;
    let place = params![prefix, &*subscription.name, &*subscription.stream];
    select.query_row(place, |row| row.get(0))
}
