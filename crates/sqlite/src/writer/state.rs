//! What a transaction knows: queue heads and cursors, read once and written once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use protean_core::lane::Band;
use protean_core::port::broker::{Published, Subscription};
use rusqlite::{Connection, OptionalExtension, params};

use crate::bell::News;
use crate::ranges::Settled;
use crate::sql::Catalog;

/// A stream, a lane (or [`INLINE_LANE`](crate::schema::INLINE_LANE)) and a band.
pub(super) type QueueKey = (Arc<str>, i64, i64);

/// The ids of queues met before. Other processes make queues too, but never change an id.
#[derive(Debug, Default)]
pub(super) struct QueueIds {
    known: HashMap<QueueKey, i64>,
}

impl QueueIds {
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

/// The state of one transaction.
pub(super) struct State<'t> {
    pub(super) connection: &'t Connection,
    pub(super) catalog: &'t Catalog,
    queue_ids: &'t mut QueueIds,
    pub(super) counters: Counters,
}

/// What has to be taken back when a commit is.
#[derive(Clone, Default)]
pub(super) struct Counters {
    position: Option<Counter>,
    heads: HashMap<i64, Counter>,
    cursors: HashMap<(String, i64), Cursor>,
    pub(super) published: HashSet<Published>,
    everything: bool,
}

#[derive(Clone, Copy)]
struct Counter {
    value: u64,
    changed: bool,
}

#[derive(Clone)]
struct Cursor {
    settled: Settled,
    changed: bool,
}

impl<'t> State<'t> {
    pub(super) fn new(
        connection: &'t Connection,
        catalog: &'t Catalog,
        queue_ids: &'t mut QueueIds,
    ) -> Self {
        Self {
            connection,
            catalog,
            queue_ids,
            counters: Counters::default(),
        }
    }

    /// Subscriptions have to look at everything.
    pub(super) const fn news_of_everything(&mut self, news: bool) {
        self.counters.everything |= news;
    }

    /// The position of the newest message.
    pub(super) fn position(&mut self) -> rusqlite::Result<u64> {
        if let Some(position) = self.counters.position {
            return Ok(position.value);
        }
        let sql = "SELECT value FROM protean_meta WHERE key = 'position'";
        let value = self
            .connection
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))?;
        self.counters.position = Some(Counter {
            value,
            changed: false,
        });
        Ok(value)
    }

    /// The position of the next message.
    pub(super) fn next_position(&mut self) -> rusqlite::Result<u64> {
        let value = self.position()? + 1;
        self.counters.position = Some(Counter {
            value,
            changed: true,
        });
        Ok(value)
    }

    /// The queue of this stream, lane and band, and the number of its next message.
    pub(super) fn next_in_queue(&mut self, key: &QueueKey) -> rusqlite::Result<(i64, u64)> {
        let (id, head) = self.queue(key)?;
        let sequence = head + 1;
        self.counters.heads.insert(
            id,
            Counter {
                value: sequence,
                changed: true,
            },
        );
        Ok((id, sequence))
    }

    /// A queue, which is made when it is not there, and the number of its last message.
    fn queue(&mut self, key: &QueueKey) -> rusqlite::Result<(i64, u64)> {
        if let Some(id) = self.queue_ids.known.get(key).copied() {
            if let Some(head) = self.counters.heads.get(&id) {
                return Ok((id, head.value));
            }
            // Looked at once per transaction, for the tables may have been emptied since, by
            // anybody, and the id given to another queue.
            if let Some(found) = self.find(key)?.filter(|(found, _)| *found == id) {
                return Ok(self.remember(key, found));
            }
        }
        let (stream, lane, band) = key;
        let insert = "INSERT INTO protean_queue (stream, lane, band) VALUES (?1, ?2, ?3)
            ON CONFLICT DO NOTHING";
        self.connection
            .prepare_cached(insert)?
            .execute(params![&**stream, lane, band])?;
        let found = self
            .find(key)?
            .ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok(self.remember(key, found))
    }

    fn find(&self, key: &QueueKey) -> rusqlite::Result<Option<(i64, u64)>> {
        let (stream, lane, band) = key;
        let sql =
            "SELECT id, head FROM protean_queue WHERE stream = ?1 AND lane = ?2 AND band = ?3";
        let mut select = self.connection.prepare_cached(sql)?;
        let row = select.query_row(params![&**stream, lane, band], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        row.optional()
    }

    fn remember(&mut self, key: &QueueKey, found: (i64, u64)) -> (i64, u64) {
        let (id, value) = found;
        self.queue_ids.known.insert(key.clone(), id);
        let head = Counter {
            value,
            changed: false,
        };
        self.counters.heads.entry(id).or_insert(head);
        found
    }

    /// Settles a message of a queue; `false` when it was settled before.
    pub(super) fn settle(
        &mut self,
        subscription: &Subscription,
        lane: i64,
        band: Band,
        sequence: u64,
    ) -> rusqlite::Result<bool> {
        let (queue, _) = self.queue(&(
            subscription.stream.clone(),
            lane,
            i64::try_from(band.index()).unwrap_or(0),
        ))?;
        let key = (subscription.name.to_string(), queue);
        if !self.counters.cursors.contains_key(&key) {
            let settled = load_cursor(self.connection, &key)?;
            self.counters.cursors.insert(
                key.clone(),
                Cursor {
                    settled,
                    changed: false,
                },
            );
        }
        let Some(cursor) = self.counters.cursors.get_mut(&key) else {
            return Ok(false);
        };
        cursor.changed = true;
        Ok(cursor.settled.settle(sequence))
    }

    /// Writes what was counted, and says what subscriptions have to hear.
    pub(super) fn finish(self) -> rusqlite::Result<News> {
        let Counters {
            position,
            heads,
            cursors,
            published,
            everything,
        } = self.counters;
        if let Some(position) = position.filter(|position| position.changed) {
            let sql = "UPDATE protean_meta SET value = ?1 WHERE key = 'position'";
            self.connection
                .prepare_cached(sql)?
                .execute([position.value])?;
        }
        for (id, head) in heads.into_iter().filter(|(_, head)| head.changed) {
            let sql = "UPDATE protean_queue SET head = ?2 WHERE id = ?1";
            self.connection
                .prepare_cached(sql)?
                .execute(params![id, head.value])?;
        }
        for ((subscription, queue), cursor) in cursors.into_iter().filter(|(_, at)| at.changed) {
            let sql = "INSERT INTO protean_cursor (subscription, queue, sequence, ahead)
                VALUES (?1, ?2, ?3, ?4) ON CONFLICT (subscription, queue)
                DO UPDATE SET sequence = excluded.sequence, ahead = excluded.ahead";
            let (upto, ahead) = (cursor.settled.upto(), cursor.settled.to_string());
            let mut upsert = self.connection.prepare_cached(sql)?;
            upsert.execute(params![subscription, queue, upto, ahead])?;
        }
        Ok(if everything {
            News::Everything
        } else {
            News::of(published)
        })
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
