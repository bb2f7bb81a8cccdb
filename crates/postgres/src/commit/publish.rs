//! Messages on their way into the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::Client;
use protean_core::Lane;
use protean_core::lane::Band;
use protean_core::message::{Kind, Message};
use protean_core::port::store::Commit;
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::batch::digest;
use super::insert::{INSERT, INSERT_ONE, INSERT_WITH_KEYS};
use crate::bell::News;
use crate::lanes;
use crate::trust::Trust;
use crate::value::Micros;

/// A stream, a lane's number and a band.
pub(super) type QueueKey = (Arc<str>, i16, i16);

/// The ids of queues met before. Nobody ever changes one; whoever empties the tables makes others
/// of them, which is noticed when they cannot be locked.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    known: Mutex<HashMap<QueueKey, i64>>,
    /// Whether they are seldom moved by others at the same time.
    pub(super) trust: Trust,
}

impl Queues {
    pub(super) fn find(&self, key: &QueueKey) -> Option<i64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).copied()
    }

    /// Forgets what is known.
    pub(crate) fn clear(&self) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Looks queues up, and makes those that are not there.
    async fn learn(&self, client: &Client, keys: &[&QueueKey]) -> Result<(), Error> {
        let streams: Vec<&str> = keys.iter().map(|key| &*key.0).collect();
        let lanes: Vec<i16> = keys.iter().map(|key| key.1).collect();
        let bands: Vec<i16> = keys.iter().map(|key| key.2).collect();
        let arrays: [&(dyn ToSql + Sync); 3] = [&streams, &lanes, &bands];
        let unnest = "unnest($1::text[], $2::smallint[], $3::smallint[]) AS u(stream, lane, band)";
        let make = format!(
            "INSERT INTO protean_queue (stream, lane, band) SELECT * FROM {unnest}
             ON CONFLICT DO NOTHING"
        );
        client.execute(&make, &arrays).await?;
        let select =
            format!("SELECT id, stream, lane, band FROM protean_queue NATURAL JOIN {unnest}");
        let rows = client.query(&select, &arrays).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            let stream: &str = row.try_get(1)?;
            known.insert(
                (stream.into(), row.try_get(2)?, row.try_get(3)?),
                row.try_get(0)?,
            );
        }
        Ok(())
    }
}

/// The messages of one transaction.
pub(super) struct Publication<'c> {
    messages: Vec<(QueueKey, &'c Message)>,
    /// What stands for the idempotency keys of those that have one, in their order.
    pub(super) keys: Vec<[u8; 16]>,
    /// Streams that have something new afterwards.
    pub(super) news: News,
}

impl<'c> Publication<'c> {
    pub(super) fn empty() -> Self {
        Self {
            messages: Vec::new(),
            keys: Vec::new(),
            news: News::default(),
        }
    }

    pub(super) fn of(commits: &[&'c Commit]) -> Self {
        let mut publication = Self::empty();
        for commit in commits {
            for message in &commit.recorded {
                publication.add(lanes::INLINE, message);
            }
            for (lane, message) in &commit.messages {
                publication.add(lanes::number(*lane), message);
            }
            publication.news.published.extend(commit.published());
        }
        publication
    }

    pub(super) fn add(&mut self, lane: i16, message: &'c Message) {
        self.keys.extend(digest(message));
        self.messages.push((queue_key(lane, message), message));
    }

    /// The message that is all of it, on the primary lane and without a key.
    pub(super) fn alone(&self) -> Option<&'c Message> {
        let [((_, lane, _), message)] = &*self.messages else {
            return None;
        };
        let waited_for = *lane == lanes::number(Lane::Primary);
        (waited_for && self.keys.is_empty()).then_some(*message)
    }

    /// Makes sure that every queue is known.
    pub(super) async fn learn(&self, client: &Client, queues: &Queues) -> Result<(), Error> {
        let mut unknown: Vec<_> = self.messages.iter().map(|(key, _)| key).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|key| queues.find(key).is_none());
        match unknown.is_empty() {
            true => Ok(()),
            false => queues.learn(client, &unknown).await,
        }
    }

    /// The arrays of the statements: of each [`INSERT`], which has at most so many messages, if that
    /// is bounded; and by how much each queue grows.
    pub(super) fn arrays(
        &self,
        queues: &Queues,
        rows_max: Option<usize>,
    ) -> (Vec<Arrays>, BTreeMap<i64, i64>) {
        let mut all = Vec::new();
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        let mut last_of_key: HashMap<(i64, &str), i64> = HashMap::new();
        let mut keys = self.keys.iter();
        for portion in self.messages.chunks(rows_max.unwrap_or(usize::MAX)) {
            let mut arrays = Arrays::default();
            for (key, message) in portion {
                let queue = queues.find(key).unwrap_or_default();
                let nth = counts.entry(queue).or_default();
                *nth += 1;
                let previous = message
                    .key
                    .as_deref()
                    .and_then(|key| last_of_key.insert((queue, key), *nth));
                arrays.previous.push(previous);
                arrays.numbers.push(*nth);
                arrays.queues.push(queue);
                arrays.add(message);
                let key = message.idempotency_key.as_ref().and_then(|_| keys.next());
                arrays.idempotency_keys.push(key.map(|key| key.to_vec()));
            }
            all.push(arrays);
        }
        if all.is_empty() {
            // The statement is made known with nothing to insert.
            all.push(Arrays::default());
        }
        all.iter_mut().for_each(|one| one.count_from_heads(&counts));
        (all, counts)
    }
}

/// The queue that a message on a lane goes to.
pub(super) fn queue_key(lane: i16, message: &Message) -> QueueKey {
    (message.stream.clone(), lane, band(message.band()))
}

pub(crate) fn band(band: Band) -> i16 {
    i16::try_from(band.index()).unwrap_or_default()
}

/// The arrays of [`INSERT`].
#[derive(Default)]
pub(super) struct Arrays {
    queues: Vec<i64>,
    numbers: Vec<i64>,
    previous: Vec<Option<i64>>,
    ids: Vec<Uuid>,
    events: Vec<bool>,
    types: Vec<String>,
    keys: Vec<Option<String>>,
    priorities: Vec<i32>,
    times: Vec<Micros>,
    correlation_ids: Vec<String>,
    causation_ids: Vec<Option<Uuid>>,
    sequence_ids: Vec<Option<String>>,
    caller_keys: Vec<Option<String>>,
    traceparents: Vec<Option<String>>,
    data: Vec<String>,
    rest: Vec<Option<String>>,
    /// None where the message has none.
    idempotency_keys: Vec<Option<Vec<u8>>>,
}

impl Arrays {
    /// Those of one message that goes to no queue, so that nothing is written.
    pub(super) fn nowhere() -> Self {
        Self {
            queues: vec![0],
            numbers: vec![0],
            previous: vec![None],
            ids: vec![Uuid::nil()],
            events: vec![false],
            types: vec![String::new()],
            keys: vec![None],
            priorities: vec![0],
            times: vec![Micros(0)],
            correlation_ids: vec![String::new()],
            causation_ids: vec![None],
            sequence_ids: vec![None],
            caller_keys: vec![None],
            traceparents: vec![None],
            data: vec![String::new()],
            rest: vec![None],
            idempotency_keys: vec![None],
        }
    }

    /// Those of one message, for [`Arrays::of_one`].
    pub(super) fn one(queue: i64, message: &Message) -> Self {
        let mut arrays = Self {
            queues: vec![queue],
            ..Self::default()
        };
        arrays.add(message);
        arrays
    }

    fn add(&mut self, message: &Message) {
        self.ids.push(message.id);
        self.events.push(message.kind == Kind::Event);
        self.types.push(message.type_name.to_string());
        self.keys.push(message.key.clone());
        self.priorities.push(message.priority.value());
        self.times.push(Micros::of(message.time));
        self.correlation_ids
            .push(message.correlation_id.to_string());
        self.causation_ids.push(message.causation_id);
        self.sequence_ids.push(message.sequence_id.clone());
        self.caller_keys.push(message.idempotency_key.clone());
        self.traceparents
            .push(message.traceparent.as_deref().map(str::to_owned));
        self.data.push(message.data.clone());
        let rest = message.rest.as_deref();
        self.rest
            .push(rest.and_then(|rest| serde_json::to_string(rest).ok()));
    }

    /// Counts back from where each queue ends, so that its last message has 0.
    fn count_from_heads(&mut self, counts: &BTreeMap<i64, i64>) {
        for (nth, queue) in self.queues.iter().enumerate() {
            let count = counts.get(queue).copied().unwrap_or_default();
            self.numbers[nth] -= count;
            self.previous[nth] = self.previous[nth].map(|number| number - count);
        }
    }

    /// The statement that writes them, and its parameters.
    pub(super) fn statement(&self) -> (&'static str, Vec<&(dyn ToSql + Sync)>) {
        let has_key = self.idempotency_keys.iter().any(Option::is_some);
        match (self.is_one(), has_key) {
            (true, _) => (INSERT_ONE, self.of_one().to_vec()),
            (false, false) => {
                let mut parameters = self.parameters().to_vec();
                parameters.truncate(parameters.len() - 1);
                (INSERT, parameters)
            }
            (false, true) => (INSERT_WITH_KEYS, self.parameters().to_vec()),
        }
    }

    /// Whether it is one message, without an idempotency key.
    pub(super) fn is_one(&self) -> bool {
        self.ids.len() == 1 && self.idempotency_keys.iter().all(Option::is_none)
    }

    pub(super) fn of_one(&self) -> [&(dyn ToSql + Sync); 13] {
        [
            &self.queues[0],
            &self.ids[0],
            &self.events[0],
            &self.types[0],
            &self.keys[0],
            &self.priorities[0],
            &self.times[0],
            &self.correlation_ids[0],
            &self.causation_ids[0],
            &self.sequence_ids[0],
            &self.traceparents[0],
            &self.data[0],
            &self.rest[0],
        ]
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 17] {
        [
            &self.queues,
            &self.numbers,
            &self.previous,
            &self.ids,
            &self.events,
            &self.types,
            &self.keys,
            &self.priorities,
            &self.times,
            &self.correlation_ids,
            &self.causation_ids,
            &self.sequence_ids,
            &self.caller_keys,
            &self.traceparents,
            &self.data,
            &self.rest,
            &self.idempotency_keys,
        ]
    }
}
