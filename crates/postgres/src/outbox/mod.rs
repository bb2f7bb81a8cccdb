//! The outbox: the message log, as a broker apart from the database reads it.
//!
//! A commit writes its messages to the log and is done. A relay reads the queues from where it was
//! and publishes them to its broker, which hands them out; what is settled is known here. So the
//! outbox needs no table of its own, and no row is ever marked.

mod carrier;
mod leadership;
mod look;
mod mirror;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use protean_core::Lane;
use protean_core::interner::Interner;
use protean_core::message::Message;
use protean_core::port::broker::Outbox as Waiting;
use protean_core::port::{self, Retention};

use crate::Postgres;
use crate::broker::age;
use crate::error::failed;
use crate::message::{self, COLUMNS, column};
use crate::retention::{Old, Published};

pub use crate::bell::{Ear, Word};
pub use crate::broker::{Bounds, LaneFeed};
pub use crate::message::Logged;
pub use crate::pace::Pace;
pub(crate) use carrier::Carriage;
pub use carrier::Carrier;
pub use leadership::Leadership;
pub use look::{Look, Wanted};
pub use mirror::{Gone, Unmirrored};

/// A queue that a relay publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its id.
    pub id: u64,
    /// Its stream.
    pub stream: String,
    /// The rank of its messages in their lane.
    pub band: usize,
    /// The number of its last message.
    pub head: u64,
    /// Up to where it was published, as far as that was written down: never more than is true.
    pub mark: u64,
}

/// The outbox of one database.
#[derive(Clone, Debug)]
pub struct Outbox {
    database: Postgres,
}

impl Postgres {
    /// The outbox of this database.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        Outbox {
            database: self.clone(),
        }
    }
}

impl Outbox {
    /// What tells whether production is about.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        self.database.inner.bell.pace()
    }

    /// What is old, as for the database itself, but that nothing goes that no relay has marked as
    /// published.
    #[must_use]
    pub fn retention(&self) -> Arc<dyn Retention> {
        Arc::new(Old {
            database: self.database.clone(),
            published: Published::Relayed,
        })
    }

    /// The queues of a lane, most urgent first.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn queues(&self, lane: Lane) -> Result<Vec<Queue>, port::Error> {
        let looks = self.look(lane, &[]).await?;
        Ok(looks.into_iter().map(|look| look.queue).collect())
    }

    /// The messages of a queue after a number, in order, at most `count_max`.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn read(
        &self,
        lane: Lane,
        queue: u64,
        after: u64,
        count_max: usize,
    ) -> Result<Vec<Logged>, port::Error> {
        let broken = |error| failed("reading the outbox", &error);
        let sql = format!(
            "SELECT {COLUMNS} FROM protean_message AS m JOIN protean_queue AS q ON q.id = m.queue
             WHERE m.queue = $1 AND m.sequence > $2 ORDER BY m.sequence LIMIT $3"
        );
        let client = self.database.inner.pools.light(lane).await?;
        let select = client.prepare_cached(&sql).await.map_err(broken)?;
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let rows = client
            .query(&select, &[&column(queue), &column(after), &count_max])
            .await
            .map_err(broken)?;
        let mut interner = Interner::default();
        let read = rows.iter().map(|row| message::read(row, &mut interner));
        read.collect::<Result<_, _>>().map_err(broken)
    }

    /// Writes down up to where queues were published, for the day that the broker loses it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn mark(&self, lane: Lane, marks: &HashMap<u64, u64>) -> Result<(), port::Error> {
        let broken = |error| failed("marking the outbox", &error);
        let sql = "INSERT INTO protean_relay (queue, sequence)
            SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS u(queue, sequence) ORDER BY 1
            ON CONFLICT (queue) DO UPDATE SET sequence = excluded.sequence";
        let (queues, sequences): (Vec<i64>, Vec<i64>) = marks
            .iter()
            .map(|(queue, sequence)| (column(*queue), column(*sequence)))
            .unzip();
        let client = self.database.inner.pools.light(lane).await?;
        let upsert = client.prepare_cached(sql).await.map_err(broken)?;
        let written = client.execute(&upsert, &[&queues, &sequences]).await;
        written.map(drop).map_err(broken)
    }

    /// Takes messages in that another framework published on a stream, each once; as the log holds
    /// them, in the order given.
    ///
    /// # Errors
    /// When the database cannot be reached, or cannot hold one of them.
    pub async fn take_in(
        &self,
        lane: Lane,
        stream: &str,
        messages: &[Message],
    ) -> Result<Vec<Logged>, port::Error> {
        crate::commit::take_in(&self.database, lane, stream, messages).await
    }

    /// How much of a lane's queues is not published, given up to where each is.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn waiting(
        &self,
        lane: Lane,
        published: impl Fn(&Queue) -> u64 + Send,
    ) -> Result<Waiting, port::Error> {
        let mut waiting = Waiting::default();
        let now = Timestamp::now();
        for queue in self.queues(lane).await? {
            let published = published(&queue);
            let depth = queue.head.saturating_sub(published);
            waiting.depth += depth;
            if depth > 0
                && let Some(first) = self.read(lane, queue.id, published, 1).await?.pop()
            {
                let age = age(crate::value::Micros::of(first.message.time), now);
                waiting.oldest = waiting.oldest.max(Some(age));
            }
        }
        Ok(waiting)
    }
}
