//! Messages that are settled by the commit that publishes them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use protean_core::Lane;
use protean_core::message::Message;
use protean_core::port::along::{Along, Since};
use protean_core::port::broker::{Place, Settlement, Subscription, Verdict};
use protean_core::port::store::{Commit, Position};
use rusqlite::{OptionalExtension, params};

use super::apply::lane_number;
use super::state::{QueueKey, State};
use super::transaction::execute;
use crate::message::Slot;

/// The last message of a key in a queue before a number; the index ends with the position. Of the
/// queue nothing is looked up, or SQLite would read all of it by the index that it has.
const LAST_OF_KEY: &str = "SELECT sequence FROM protean_message
    WHERE key = ?1 AND +queue = ?2 AND +sequence < ?3 ORDER BY position DESC LIMIT 1";

const SET_ASIDE: &str =
    "SELECT 1 FROM protean_parked WHERE subscription = ?1 AND stream = ?2 LIMIT 1";

/// How far subscriptions were when this process has last moved them: nobody goes back, so that each
/// is there at least, unless somebody has emptied the tables, which is noticed.
#[derive(Debug, Default)]
pub(crate) struct Known {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queues: HashMap<QueueKey, i64>,
    cursors: HashMap<(String, i64), u64>,
}

/// What a transaction has moved.
pub(super) struct Moved {
    /// The queues that have more, by their ids.
    pub(super) queues: Vec<(QueueKey, i64)>,
    /// How far subscriptions are on queues.
    pub(super) cursors: Vec<((String, i64), u64)>,
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to where a subscription has handled the queue that a message goes to.
    pub(crate) fn since(
        &self,
        subscription: &Subscription,
        lane: Lane,
        message: &Message,
    ) -> Option<Since> {
        let key = queue_key(lane_number(lane), message);
        let inner = self.lock();
        let queue = *inner.queues.get(&key)?;
        let cursor = inner.cursors.get(&(subscription.name.to_string(), queue));
        cursor.copied().map(Since)
    }

    /// Learns what a transaction has done, once it is durable.
    pub(super) fn learn(&self, moved: Moved) {
        let mut inner = self.lock();
        inner.queues.extend(moved.queues);
        inner.cursors.extend(moved.cursors);
    }
}

/// The queue that a message on a lane goes to.
pub(super) fn queue_key(lane: i64, message: &Message) -> QueueKey {
    let band = i64::try_from(message.band().index()).unwrap_or_default();
    (message.stream.clone(), lane, band)
}

impl State<'_> {
    /// Has everything happen that goes along with a commit, whose messages are in these slots, or
    /// nothing of it; says which.
    pub(super) fn take_along(&mut self, commit: &Commit, slots: &[Slot]) -> rusqlite::Result<bool> {
        if commit.along.is_empty() {
            return Ok(false);
        }
        let before = self.counters.clone();
        execute(self.connection, "SAVEPOINT along")?;
        let taken = self.settle_along(commit, slots);
        if !matches!(taken, Ok(Some(_))) {
            self.counters = before;
            execute(self.connection, "ROLLBACK TO along")?;
        }
        execute(self.connection, "RELEASE along")?;
        let settlements = taken?;
        let settlements = settlements.iter().flatten();
        Ok(settlements.map(|one| self.records.add(one)).count() > 0)
    }

    /// Settles and writes; none when something stands against it.
    fn settle_along(
        &mut self,
        commit: &Commit,
        slots: &[Slot],
    ) -> rusqlite::Result<Option<Vec<Settlement>>> {
        let mut settlements = Vec::with_capacity(commit.along.len());
        for along in &commit.along {
            let (Some((lane, message)), Some(slot)) =
                (commit.messages.get(along.message), slots.get(along.message))
            else {
                return Ok(None);
            };
            // The numbers of the same commit in this queue follow one another.
            let own = slots.iter().filter(|one| one.queue == slot.queue);
            let first = own.map(|one| one.sequence).min().unwrap_or(slot.sequence);
            if !self.is_next(along, slot)? || !self.has_seen(along, message, (slot.queue, first))? {
                return Ok(None);
            }
            for write in &along.writes {
                if self.write(write).is_err() {
                    return Ok(None);
                }
            }
            settlements.push(settlement(along, *lane, slot));
        }
        Ok(Some(settlements))
    }

    /// Settles the message if it is the next one, and nothing of its stream is set aside.
    fn is_next(&mut self, along: &Along, slot: &Slot) -> rusqlite::Result<bool> {
        let subscription = &along.subscription;
        let queue = u64::try_from(slot.queue).unwrap_or_default();
        let cursor = self.cursor(subscription, slot.queue)?;
        let is_next = cursor.upto() + 1 == slot.sequence && cursor.ahead_count() == 0;
        if !is_next {
            return Ok(false);
        }
        let mut select = self.connection.prepare_cached(SET_ASIDE)?;
        let place = params![&*subscription.name, &*subscription.stream];
        Ok(!select.exists(place)? && self.settle(subscription, queue, slot.sequence)?)
    }

    /// Whether the work has seen what came of all earlier messages with the key, but for those of
    /// the same commit, of which this one is the first in the queue.
    fn has_seen(
        &self,
        along: &Along,
        message: &Message,
        (queue, first): (i64, u64),
    ) -> rusqlite::Result<bool> {
        let Since(since) = along.since;
        if since + 1 >= first {
            // It counts as if nothing was known when it says more than there is.
            return Ok(since + 1 == first);
        }
        let Some(key) = &message.key else {
            return Ok(true);
        };
        let mut select = self.connection.prepare_cached(LAST_OF_KEY)?;
        let last: Option<u64> = select
            .query_row(params![key, queue, first], |row| row.get(0))
            .optional()?;
        Ok(last.is_none_or(|last| last <= since))
    }
}

fn settlement(along: &Along, lane: Lane, slot: &Slot) -> Settlement {
    Settlement {
        subscription: along.subscription.clone(),
        lane,
        place: Place::Queue {
            queue: u64::try_from(slot.queue).unwrap_or_default(),
            sequence: slot.sequence,
        },
        position: Position(slot.position),
        verdict: Verdict::Done,
        handling: Some(along.handling.clone()),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::schema;

    #[test]
    fn the_last_message_of_a_key_is_found_by_the_key() {
        let connection = Connection::open_in_memory().unwrap();
        schema::create(&connection).unwrap();
        let plan = format!("EXPLAIN QUERY PLAN {LAST_OF_KEY}");
        let place = params!["key", 1, 1];
        let step: String = connection
            .query_row(&plan, place, |row| row.get(3))
            .unwrap();
        let by_key = "SEARCH protean_message USING INDEX protean_message_key (key=?)";
        assert_eq!(step, by_key);
    }
}
