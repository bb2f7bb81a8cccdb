//! Messages that another framework published, on their way into the log.
//!
//! They are numbered in queues of their own, which nobody publishes from, and from then on they
//! are settled, set aside and given up like any other. Each is taken in once, however often and for
//! however many subscriptions it arrives.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Client;
use protean_core::interner::Interner;
use protean_core::message::Message;
use protean_core::{Lane, port};
use tokio_postgres::Error;
use uuid::Uuid;

use super::insert::{LOCK_QUEUES, MOVE_QUEUES};
use super::publish::{Publication, Queues};
use crate::error::{failed, unavailable};
use crate::message::{self, COLUMNS, Logged};
use crate::{Postgres, lanes};

const KNOWN: &str = "SELECT id, position FROM protean_taken_in
    WHERE stream = $1 AND id = ANY($2::uuid[])";

const REMEMBER: &str = "INSERT INTO protean_taken_in (stream, id, position)
    SELECT $1, u.id, u.position FROM unnest($2::uuid[], $3::bigint[]) AS u(id, position)";

/// Takes messages of one stream in, unless they are; as the log holds them, in the order given.
pub(crate) async fn take_in(
    database: &Postgres,
    lane: Lane,
    stream: &str,
    messages: &[Message],
) -> Result<Vec<Logged>, port::Error> {
    let broken = |error| failed("taking messages in", &error);
    let queues = &database.inner.committers.queues;
    let client = database.inner.pools.lane(lane).await?;
    let all = publication(lane, messages);
    all.learn(&client, queues).await.map_err(broken)?;
    client.batch_execute("BEGIN").await.map_err(broken)?;
    let taken = Taking {
        client: &client,
        lane,
        stream,
        queues,
    };
    let result = taken.write(&all, messages).await;
    let complete = matches!(result, Ok(true));
    let end = if complete { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await;
    result.map_err(broken)?;
    ended.map_err(broken)?;
    if !complete {
        queues.clear();
        let why = "the tables were emptied meanwhile";
        return Err(unavailable("taking messages in", why));
    }
    taken.read(messages).await.map_err(broken)
}

fn publication(lane: Lane, messages: &[Message]) -> Publication<'_> {
    let mut publication = Publication::empty();
    for message in messages {
        publication.add(lanes::taken_in(lane), message);
    }
    publication
}

/// A transaction that takes messages in.
struct Taking<'t> {
    client: &'t Client,
    lane: Lane,
    stream: &'t str,
    queues: &'t Queues,
}

impl Taking<'_> {
    /// Writes those that are new; `false` when their queues are gone.
    async fn write(&self, all: &Publication<'_>, messages: &[Message]) -> Result<bool, Error> {
        // The locks first: whoever takes the same messages in waits here, and finds them then.
        let (_, locks) = all.arrays(self.queues, None);
        let locks: Vec<i64> = locks.into_keys().collect();
        let locked = self.client.query(LOCK_QUEUES, &[&locks]).await?;
        if locked.len() != locks.len() {
            return Ok(false);
        }
        let ids: Vec<Uuid> = messages.iter().map(|one| one.id).collect();
        let known = self.client.query(KNOWN, &[&self.stream, &ids]).await?;
        let mut known: HashSet<Uuid> = known.iter().map(|row| row.get(0)).collect();
        let fresh: Vec<Message> = messages
            .iter()
            .filter(|one| known.insert(one.id))
            .cloned()
            .map(without_key)
            .collect();
        if fresh.is_empty() {
            return Ok(true);
        }
        let (arrays, counts) = publication(self.lane, &fresh).arrays(self.queues, None);
        let (grown, counts): (Vec<i64>, Vec<i64>) = counts.into_iter().unzip();
        let anywhere: Vec<Option<i64>> = vec![None; grown.len()];
        self.client
            .execute(MOVE_QUEUES, &[&grown, &counts, &anywhere])
            .await?;
        let mut written = Vec::with_capacity(fresh.len());
        for arrays in &arrays {
            let (sql, parameters) = arrays.statement();
            written.extend(self.client.query(sql, &parameters).await?);
        }
        let (ids, positions): (Vec<Uuid>, Vec<i64>) = written
            .iter()
            .map(|row| (row.get::<_, Uuid>(0), row.get::<_, i64>(1)))
            .unzip();
        self.client
            .execute(REMEMBER, &[&self.stream, &ids, &positions])
            .await?;
        Ok(true)
    }

    /// The messages as the log holds them.
    async fn read(&self, messages: &[Message]) -> Result<Vec<Logged>, Error> {
        let ids: Vec<Uuid> = messages.iter().map(|one| one.id).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM protean_taken_in AS t
             JOIN protean_message AS m ON m.position = t.position
             JOIN protean_queue AS q ON q.id = m.queue
             WHERE t.stream = $1 AND t.id = ANY($2::uuid[])"
        );
        let rows = self.client.query(&sql, &[&self.stream, &ids]).await?;
        let mut interner = Interner::default();
        let mut logged = HashMap::new();
        for row in &rows {
            let one = message::read(row, &mut interner)?;
            logged.insert(one.message.id, one);
        }
        Ok(ids
            .iter()
            .filter_map(|id| logged.get(id).cloned())
            .collect())
    }
}

/// An idempotency key is the business of whoever accepted the message.
fn without_key(mut message: Message) -> Message {
    message.idempotency_key = None;
    message
}
