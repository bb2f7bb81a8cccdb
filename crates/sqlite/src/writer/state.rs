//! What a transaction knows: queue heads and cursors, read once. Cursors are written once.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use protean_core::port::broker::{Published, Subscription};
use protean_core::port::trace::Records;
use rusqlite::{Connection, OptionalExtension, params};

use super::along::Moved;
use crate::bell::News;
use crate::schema::{HEAD, POSITION};
use crate::sql::Catalog;
use crate::trace;
use protean_core::settled::Settled;

/// The queue of a place, with its head.
static FIND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT q.id, {HEAD} FROM protean_queue AS q
         WHERE q.stream = ?1 AND q.lane = ?2 AND q.band = ?3"
    )
});

/// A stream, a lane (or [`INLINE_LANE`](crate::schema::INLINE_LANE)) and a band.
pub(super) type QueueKey = (Arc<str>, i64, i64);

/// The state of one transaction.
pub(super) struct State<'t> {
    pub(super) connection: &'t Connection,
    pub(super) catalog: &'t Catalog,
    pub(super) counters: Counters,
    /// What was done with messages, by commits that succeeded.
    pub(super) records: Records,
}

/// What has to be taken back when a commit is.
#[derive(Clone, Default)]
pub(super) struct Counters {
    position: Option<u64>,
    queues: HashMap<QueueKey, Queue>,
    cursors: HashMap<(String, i64), Cursor>,
    pub(super) published: HashSet<Published>,
    everything: bool,
}

impl Counters {
    fn moved(&self) -> Moved {
        let queues = self.queues.iter().filter(|(_, queue)| queue.grown);
        let cursors = self.cursors.iter().filter(|(_, cursor)| cursor.changed);
        Moved {
            queues: queues.map(|(key, queue)| (key.clone(), queue.id)).collect(),
            cursors: cursors
                .map(|(key, cursor)| (key.clone(), cursor.settled.upto()))
                .collect(),
        }
    }
}

/// A queue, and the number of its last message.
#[derive(Clone, Copy)]
struct Queue {
    id: i64,
    head: u64,
    /// Whether this transaction has messages for it.
    grown: bool,
}

#[derive(Clone)]
struct Cursor {
    settled: Settled,
    changed: bool,
}

impl<'t> State<'t> {
    pub(super) fn new(connection: &'t Connection, catalog: &'t Catalog) -> Self {
        Self {
            connection,
            catalog,
            counters: Counters::default(),
            records: Records::default(),
        }
    }

    /// Subscriptions have to look at everything.
    pub(super) const fn news_of_everything(&mut self, news: bool) {
        self.counters.everything |= news;
    }

    /// The position of the newest message.
    pub(super) fn position(&mut self) -> rusqlite::Result<u64> {
        if let Some(position) = self.counters.position {
            return Ok(position);
        }
        let mut select = self.connection.prepare_cached(POSITION)?;
        let position = select.query_row([], |row| row.get(0))?;
        self.counters.position = Some(position);
        Ok(position)
    }

    /// The position of the next message.
    pub(super) fn next_position(&mut self) -> rusqlite::Result<u64> {
        let position = self.position()? + 1;
        self.counters.position = Some(position);
        Ok(position)
    }

    /// The queue of this stream, lane and band, and the number of its next message.
    pub(super) fn next_in_queue(&mut self, key: &QueueKey) -> rusqlite::Result<(i64, u64)> {
        let Queue { id, head, .. } = self.queue(key)?;
        let queue = Queue {
            id,
            head: head + 1,
            grown: true,
        };
        self.counters.queues.insert(key.clone(), queue);
        Ok((id, queue.head))
    }

    /// A queue, which is made when it is not there. Looked up once per transaction, and not
    /// remembered longer: anybody may have emptied the tables since.
    fn queue(&mut self, key: &QueueKey) -> rusqlite::Result<Queue> {
        if let Some(queue) = self.counters.queues.get(key) {
            return Ok(*queue);
        }
        let queue = match self.find(key)? {
            Some(queue) => queue,
            None => self.make(key)?,
        };
        self.counters.queues.insert(key.clone(), queue);
        Ok(queue)
    }

    fn find(&self, key: &QueueKey) -> rusqlite::Result<Option<Queue>> {
        let (stream, lane, band) = key;
        let mut select = self.connection.prepare_cached(&FIND)?;
        let row = select.query_row(params![&**stream, lane, band], |row| {
            Ok(Queue {
                id: row.get(0)?,
                head: row.get(1)?,
                grown: false,
            })
        });
        row.optional()
    }

    fn make(&self, key: &QueueKey) -> rusqlite::Result<Queue> {
        let (stream, lane, band) = key;
        let insert = "INSERT INTO protean_queue (stream, lane, band) VALUES (?1, ?2, ?3)";
        self.connection
            .prepare_cached(insert)?
            .execute(params![&**stream, lane, band])?;
        self.find(key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// Settles a message of a queue; `false` when it was settled before.
    pub(super) fn settle(
        &mut self,
        subscription: &Subscription,
        queue: u64,
        sequence: u64,
    ) -> rusqlite::Result<bool> {
        let queue = i64::try_from(queue).unwrap_or_default();
        let cursor = self.cursor_mut(subscription, queue)?;
        cursor.changed = true;
        Ok(cursor.settled.settle(sequence))
    }

    /// What a subscription has settled of a queue.
    pub(super) fn cursor(
        &mut self,
        subscription: &Subscription,
        queue: i64,
    ) -> rusqlite::Result<&Settled> {
        Ok(&self.cursor_mut(subscription, queue)?.settled)
    }

    fn cursor_mut(
        &mut self,
        subscription: &Subscription,
        queue: i64,
    ) -> rusqlite::Result<&mut Cursor> {
        match self
            .counters
            .cursors
            .entry((subscription.name.to_string(), queue))
        {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(slot) => {
                let settled = load_cursor(self.connection, slot.key())?;
                Ok(slot.insert(Cursor {
                    settled,
                    changed: false,
                }))
            }
        }
    }

    /// Writes what was counted, and says what subscriptions have to hear.
    pub(super) fn finish(self) -> rusqlite::Result<(News, Moved)> {
        trace::write(self.connection, self.records)?;
        let moved = self.counters.moved();
        let Counters {
            cursors,
            published,
            everything,
            ..
        } = self.counters;
        for ((subscription, queue), cursor) in cursors.into_iter().filter(|(_, at)| at.changed) {
            let sql = "INSERT INTO protean_cursor (subscription, queue, sequence, ahead)
                VALUES (?1, ?2, ?3, ?4) ON CONFLICT (subscription, queue)
                DO UPDATE SET sequence = excluded.sequence, ahead = excluded.ahead";
            let (upto, ahead) = (cursor.settled.upto(), cursor.settled.to_string());
            let mut upsert = self.connection.prepare_cached(sql)?;
            upsert.execute(params![subscription, queue, upto, ahead])?;
        }
        let news = match everything {
            true => News::Everything,
            false => News::of(published),
        };
        Ok((news, moved))
    }
}

fn load_cursor(connection: &Connection, key: &(String, i64)) -> rusqlite::Result<Settled> {
    let sql = "SELECT sequence, ahead FROM protean_cursor WHERE subscription = ?1 AND queue = ?2";
    let mut select = connection.prepare_cached(sql)?;
    let found: Option<(u64, String)> = select
        .query_row(params![key.0, key.1], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((upto, ahead)) = found else {
        return Ok(Settled::default());
    };
    Settled::parse(upto, &ahead).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
    })
}
