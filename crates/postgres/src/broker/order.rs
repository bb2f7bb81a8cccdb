//! Order by key, when several processes share a subscription (L8).
//!
//! A message is handed out when the one before it with the same key, in its queue, is settled or in
//! the same hands. Until then it waits in the feed, and what follows on it with it. One that failed
//! and is set aside counts as settled nowhere: its key waits for it, whoever has it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use deadpool_postgres::Client;
use protean_core::hand::Hand;
use protean_core::order::{self, Keyed};
use protean_core::settled::Settled;
use tokio_postgres::Error;

use super::lease::{self, Bounds, Party};
use crate::message::{Logged, column};

/// The keys among some that have a message set aside by somebody else.
const PARKED_ELSEWHERE: &str = "SELECT DISTINCT key FROM protean_parked
    WHERE subscription = $1 AND stream = $2 AND owner IS DISTINCT FROM $3
        AND key = ANY($4::text[])";

const CURSOR: &str =
    "SELECT sequence, ahead FROM protean_cursor WHERE subscription = $1 AND queue = $2";

/// How long messages that wait are left alone, at first and at most.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// The most messages of the database's own that wait for others of their keys; with more the feed
/// takes nothing new.
pub(super) const WAITING_MAX: usize = 4_096;

/// Messages that wait for one before them that is in other hands.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    messages: VecDeque<Logged>,
    tries: u32,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How many of them come from where the database hands out. The others come from a broker,
    /// which bounds them, and must not keep those out that they may wait for.
    pub(super) fn len_within(&self, bounds: &Bounds) -> usize {
        let within = |one: &&Logged| bounds.contains(one.queue, one.sequence);
        self.messages.iter().filter(within).count()
    }

    /// When to look again, if anything waits.
    pub(super) fn pause(&self) -> Option<Duration> {
        let doubled = PAUSE * 2_u32.saturating_pow(self.tries.min(8));
        (!self.messages.is_empty()).then(|| doubled.min(PAUSE_MAX))
    }

    /// Keeps those of `arrived`, after those that waited before, whose predecessors are in other
    /// hands; the others are free. `known` is what is settled of the queue they come from.
    pub(super) async fn sort(
        &mut self,
        client: &Client,
        party: Party<'_>,
        hand: &Hand,
        arrived: Vec<Logged>,
        known: &Settled,
    ) -> Result<Vec<Logged>, Error> {
        let waited = !self.messages.is_empty();
        if !waited && arrived.iter().all(|one| order::is_free(one, hand, known)) {
            let any = arrived.iter().any(|one| one.previous.is_some());
            if !any {
                return Ok(arrived);
            }
        }
        let mut candidates: Vec<Logged> = self.messages.drain(..).collect();
        candidates.extend(arrived);
        // What the dead had comes late, and goes before what waits for it.
        candidates.sort_by_key(|one| (one.message.band().index(), one.queue, one.sequence));
        let result = self.decide(client, party, hand, candidates).await;
        if let Ok(free) = &result {
            let stuck = waited && free.is_empty();
            self.tries = if stuck { self.tries + 1 } else { 0 };
        }
        result
    }

    async fn decide(
        &mut self,
        client: &Client,
        party: Party<'_>,
        hand: &Hand,
        candidates: Vec<Logged>,
    ) -> Result<Vec<Logged>, Error> {
        let looked = look(client, party, &candidates).await;
        let Seen { settled, parked } = match looked {
            Ok(seen) => seen,
            Err(error) => {
                self.messages.extend(candidates);
                return Err(error);
            }
        };
        let (free, waiting) = order::part(candidates, hand, &settled, &parked);
        self.messages.extend(waiting);
        Ok(free)
    }
}

impl Keyed for Logged {
    fn queue(&self) -> u64 {
        self.queue
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn previous(&self) -> Option<u64> {
        self.previous
    }

    fn key(&self) -> Option<&str> {
        self.message.key.as_deref()
    }
}

/// What is settled, per queue, and the keys that have a message set aside elsewhere.
struct Seen {
    settled: HashMap<u64, Settled>,
    parked: HashSet<String>,
}

/// The cursors first: a message that was set aside since then still counts as unsettled.
async fn look(client: &Client, party: Party<'_>, candidates: &[Logged]) -> Result<Seen, Error> {
    let mut settled = HashMap::new();
    let queues: HashSet<u64> = candidates.iter().map(|one| one.queue).collect();
    for queue in queues {
        settled.insert(queue, cursor(client, party.subscription, queue).await?);
    }
    let keyed = candidates.iter().filter(|one| one.previous.is_some());
    let keys: Vec<&str> = keyed.filter_map(|one| one.message.key.as_deref()).collect();
    let parked = client.prepare_cached(PARKED_ELSEWHERE).await?;
    let rows = client
        .query(
            &parked,
            &[&party.subscription, &party.stream, &party.owner, &keys],
        )
        .await?;
    Ok(Seen {
        settled,
        parked: rows.iter().map(|row| row.get(0)).collect(),
    })
}

/// What a subscription has settled of a queue.
pub(super) async fn cursor(
    client: &Client,
    subscription: &str,
    queue: u64,
) -> Result<Settled, Error> {
    let select = client.prepare_cached(CURSOR).await?;
    let row = client
        .query_opt(&select, &[&subscription, &column(queue)])
        .await?;
    let found = row.map(|row| lease::settled(&row, 0)).transpose()?;
    Ok(found.unwrap_or_default())
}
