//! What goes before primary messages (L8): a few lookups in the index of keys, none of which touches
//! what is settled.
//!
//! On a file a subscription belongs to one process, so everything that is found is its own; and it
//! knows what is set aside.

use std::collections::HashMap;
use std::sync::Arc;

use protean_core::Lane;
use protean_core::interner::Interner;
use protean_core::port::broker::{Ahead, Delivery, Place, Subscription};
use protean_core::port::store::Position;
use protean_core::settled::Settled;
use rusqlite::{Connection, OptionalExtension, params};

use super::feed::parse;
use crate::message::{self, COLUMN_COUNT, COLUMNS};
use crate::schema::HEAD;
use crate::writer::lane_number;

/// The backfill queues of a subscription that have something unsettled.
struct Unsettled {
    queues: HashMap<i64, Settled>,
    /// The position of the first message that is.
    first: u64,
}

/// What goes before `messages`.
pub(super) fn of(
    connection: &Connection,
    subscription: &Subscription,
    messages: &[Delivery],
    interner: &mut Interner,
) -> rusqlite::Result<Ahead> {
    // One state of the file for all of it.
    let moment = connection.unchecked_transaction()?;
    let mut ahead = Ahead::default();
    let Some(unsettled) = unsettled(&moment, subscription)? else {
        return Ok(ahead);
    };
    for (key, before) in Ahead::keys_of(messages) {
        let room = Ahead::COUNT_MAX - ahead.deliveries.len();
        let found = unsettled.before(&moment, (key, before), interner, room)?;
        if found.len() == room {
            let last = found.last().map_or(Position(0), |last| last.position);
            ahead.block(messages, key, last);
        }
        ahead.deliveries.extend(found);
    }
    let rank = |one: &Delivery| (one.message.band(), one.position);
    ahead.deliveries.sort_by_key(rank);
    Ok(ahead)
}

fn unsettled(
    connection: &Connection,
    subscription: &Subscription,
) -> rusqlite::Result<Option<Unsettled>> {
    let sql = format!(
        "SELECT q.id, COALESCE(c.sequence, 0), COALESCE(c.ahead, '')
         FROM protean_queue AS q LEFT JOIN protean_cursor AS c
         ON c.queue = q.id AND c.subscription = ?1
         WHERE q.stream = ?2 AND q.lane = ?3 AND {HEAD} > COALESCE(c.sequence, 0)"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let lane = lane_number(Lane::Backfill);
    let place = params![&*subscription.name, &*subscription.stream, lane];
    let mut rows = select.query(place)?;
    let mut unsettled = Unsettled {
        queues: HashMap::new(),
        first: u64::MAX,
    };
    while let Some(row) = rows.next()? {
        let (queue, upto, ahead): (i64, u64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let sql = "SELECT position FROM protean_message WHERE queue = ?1 AND sequence = ?2";
        let mut first = connection.prepare_cached(sql)?;
        let first: Option<u64> = first
            .query_row(params![queue, upto + 1], |row| row.get(0))
            .optional()?;
        unsettled.first = unsettled.first.min(first.unwrap_or(u64::MAX));
        unsettled.queues.insert(queue, parse(upto, &ahead)?);
    }
    Ok((!unsettled.queues.is_empty()).then_some(unsettled))
}

impl Unsettled {
    /// Those with a key, before a position, by position, at most `count_max`.
    fn before(
        &self,
        connection: &Connection,
        (key, before): (&str, Position),
        interner: &mut Interner,
        count_max: usize,
    ) -> rusqlite::Result<Vec<Delivery>> {
        // The index of keys ends with the position.
        let sql = format!(
            "SELECT {COLUMNS}, m.queue FROM protean_message AS m
             CROSS JOIN protean_queue AS q ON q.id = m.queue
             WHERE m.key = ?1 AND m.position >= ?2 AND m.position < ?3 ORDER BY m.position"
        );
        let mut select = connection.prepare_cached(&sql)?;
        let mut rows = select.query(params![key, self.first, before.0])?;
        let mut found = Vec::new();
        while found.len() < count_max
            && let Some(row) = rows.next()?
        {
            let queue: i64 = row.get(COLUMN_COUNT)?;
            let sequence: u64 = row.get(1)?;
            let settled = self.queues.get(&queue);
            if settled.is_none_or(|settled| settled.contains(sequence)) {
                continue;
            }
            let logged = message::read(row, interner)?;
            found.push(Delivery {
                lane: Lane::Backfill,
                place: Place::Queue {
                    queue: u64::try_from(queue).unwrap_or_default(),
                    sequence,
                },
                position: Position(logged.position),
                failures: 0,
                failed_first: None,
                message: Arc::new(logged.message),
            });
        }
        Ok(found)
    }
}
