//! What goes before primary messages, where lanes share the order of a key (L8).
//!
//! A backfill message that nobody has is leased before it is promoted, like any other that is handed
//! out: under the lock of its queue's handout row, so that no two processes have it. Whoever takes
//! the range around it later leaves it out. One that others have is waited for.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool_postgres::{Client, GenericClient};
use protean_core::Lane;
use protean_core::port::broker::{Ahead, Awaited, Delivery, Parked, Subscription};
use protean_core::port::store::Position;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::claim::{self, Lease};
use super::lease::Party;
use crate::lanes;
use crate::message::{Logged, column, number};
use crate::value::Micros;

/// The backfill messages with some keys, each before a position, that are behind the cursors. Those
/// of a key are looked for by themselves, so that only the index by keys will do, however small the
/// tables are when it is planned: by another one all that waits is read.
const CANDIDATES: &str = "SELECT m.queue, m.sequence, m.position, m.key
    FROM unnest($3::text[], $4::bigint[]) AS u(key, before)
    CROSS JOIN protean_queue AS q
    LEFT JOIN protean_cursor AS c ON c.queue = q.id AND c.subscription = $1
    CROSS JOIN LATERAL (
        SELECT * FROM protean_message AS o WHERE o.key IS NOT NULL
            AND (o.key, o.queue, o.sequence) > (u.key, q.id, COALESCE(c.sequence, 0))
            AND (o.key, o.queue) <= (u.key, q.id)
        ORDER BY o.key, o.queue, o.sequence LIMIT $6
    ) AS m
    WHERE q.stream = $2 AND q.lane = ANY($5::smallint[]) AND q.head > COALESCE(c.sequence, 0)
        AND m.position < u.before
    ORDER BY m.position LIMIT $6";

/// Those that are set aside, and whether by this process.
const PARKED: &str = "SELECT p.position, p.key, p.due, p.owner = $5
    FROM protean_parked AS p JOIN unnest($3::text[], $4::bigint[]) AS u(key, before)
        ON p.key = u.key AND p.position < u.before
    WHERE p.subscription = $1 AND p.stream = $2 AND p.lane = $6";

const BACKFILL: i16 = lanes::number(Lane::Backfill);

/// The leases of promoted messages, by their places, which both feeds of a subscription know.
#[derive(Debug, Default)]
pub(super) struct Promotions {
    leases: Mutex<HashMap<(u64, u64), i64>>,
}

impl Promotions {
    fn lock(&self) -> MutexGuard<'_, HashMap<(u64, u64), i64>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of a message that is settled, if it was promoted.
    pub(super) fn remove(&self, place: (u64, u64)) -> Option<i64> {
        self.lock().remove(&place)
    }

    fn add(&self, new: &[Lease]) {
        let places = new.iter().map(|one| ((one.queue, one.first), one.id));
        self.lock().extend(places);
    }

    pub(super) fn leases(&self) -> Vec<i64> {
        self.lock().values().copied().collect()
    }
}

/// A backfill message that is not settled.
struct Candidate {
    place: (u64, u64),
    position: Position,
    key: String,
}

/// One that is set aside.
struct Aside {
    parked: Parked,
    key: String,
    is_own: bool,
}

/// What a look at the tables has found.
struct Found {
    candidates: Vec<Candidate>,
    aside: Vec<Aside>,
    /// Up to which position it is all there is; `None` for all.
    upto: Option<Position>,
}

fn queues_of(candidates: &[Candidate]) -> Vec<i64> {
    let queues: BTreeSet<u64> = candidates.iter().map(|one| one.place.0).collect();
    queues.into_iter().map(column).collect()
}

/// What goes before some messages.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) ahead: Ahead,
    /// The messages that go before them in the flow of the backfill lane.
    pub(super) logged: Vec<Logged>,
    /// What is in other hands.
    pub(super) awaited: Vec<Awaited>,
}

/// A look at what goes before some messages.
pub(super) struct Look<'l> {
    pub(super) party: Party<'l>,
    pub(super) messages: &'l [Delivery],
    keys: Vec<(&'l str, Position)>,
}

impl<'l> Look<'l> {
    pub(super) fn new(party: Party<'l>, messages: &'l [Delivery]) -> Self {
        Self {
            party,
            messages,
            keys: Ahead::keys_of(messages),
        }
    }

    /// What goes before the messages: what waits and what is set aside, and the messages that this
    /// process has now, if it had not before.
    pub(super) async fn run(
        &self,
        client: &mut Client,
        promotions: &Promotions,
    ) -> Result<Taken, Error> {
        if self.keys.is_empty() {
            return Ok(Taken::default());
        }
        let found = self.find(&*client).await?;
        if found.candidates.is_empty() && found.aside.is_empty() {
            return Ok(Taken::default());
        }
        let transaction = client.transaction().await?;
        let queues = queues_of(&found.candidates);
        let (taken, new) = self.take(&transaction, &queues).await?;
        transaction.commit().await?;
        promotions.add(&new);
        Ok(taken)
    }

    /// What is unsettled, and then what is set aside: whatever is set aside meanwhile is seen as one
    /// or the other.
    async fn find(&self, client: &impl GenericClient) -> Result<Found, Error> {
        let select = client.prepare_cached(CANDIDATES).await?;
        let list = client.prepare_cached(PARKED).await?;
        let both = tokio::try_join!(self.candidates(client, &select), self.aside(client, &list));
        let (mut candidates, mut aside) = both?;
        let is_all = candidates.len() < Ahead::COUNT_MAX;
        let upto = candidates.last().filter(|_| !is_all);
        let upto = upto.map(|last| last.position);
        if !candidates.is_empty() {
            let settled = claim::cursors(client, self.party, &queues_of(&candidates)).await?;
            candidates.retain(|one| {
                let settled = settled.get(&one.place.0);
                settled.is_none_or(|settled| !settled.contains(one.place.1))
            });
            aside = self.aside(client, &list).await?;
        }
        Ok(Found {
            candidates,
            aside,
            upto,
        })
    }

    async fn candidates(
        &self,
        client: &impl GenericClient,
        select: &Statement,
    ) -> Result<Vec<Candidate>, Error> {
        let (keys, before) = self.columns();
        let lanes = [BACKFILL, lanes::taken_in(Lane::Backfill)];
        let count_max = i64::try_from(Ahead::COUNT_MAX).unwrap_or(i64::MAX);
        let (name, stream) = (&self.party.subscription, &self.party.stream);
        let arguments: [&(dyn ToSql + Sync); 6] =
            [name, stream, &keys, &before, &&lanes[..], &count_max];
        let rows = client.query(select, &arguments).await?;
        let candidate = |row: &Row| {
            Ok(Candidate {
                place: (number(row.try_get(0)?), number(row.try_get(1)?)),
                position: Position(number(row.try_get(2)?)),
                key: row.try_get(3)?,
            })
        };
        rows.iter().map(candidate).collect()
    }

    async fn aside(
        &self,
        client: &impl GenericClient,
        list: &Statement,
    ) -> Result<Vec<Aside>, Error> {
        let (keys, before) = self.columns();
        let Party {
            subscription,
            stream,
            owner,
            ..
        } = self.party;
        let arguments: [&(dyn ToSql + Sync); 6] =
            [&subscription, &stream, &keys, &before, &owner, &BACKFILL];
        let rows = client.query(list, &arguments).await?;
        let aside = |row: &Row| {
            let key: String = row.try_get(1)?;
            Ok(Aside {
                parked: Parked {
                    position: Position(number(row.try_get(0)?)),
                    lane: Lane::Backfill,
                    key: Some(key.clone()),
                    due: row.try_get::<_, Option<Micros>>(2)?.map(Micros::timestamp),
                },
                key,
                is_own: row.try_get::<_, Option<bool>>(3)?.unwrap_or_default(),
            })
        };
        rows.iter().map(aside).collect()
    }

    /// The keys and their positions, as arrays.
    fn columns(&self) -> (Vec<&str>, Vec<i64>) {
        let keys = self.keys.iter();
        keys.map(|(key, before)| (*key, column(before.0))).unzip()
    }

    /// Leases what nobody has, and tells what waits for others.
    async fn take(
        &self,
        client: &impl GenericClient,
        queues: &[i64],
    ) -> Result<(Taken, Vec<Lease>), Error> {
        claim::lock(client, self.party, queues).await?;
        // The leases before the cursors: what was given back before that is settled.
        let leases = claim::leases(client, self.party, queues).await?;
        let Found {
            candidates,
            aside,
            upto,
        } = self.find(client).await?;
        let leases = self.adopt(client, leases, &candidates).await?;
        let mut ahead = Ahead::default();
        let is_elsewhere = |one: &&Candidate| {
            let lease = claim::covering(&leases, one.place);
            lease.is_some_and(|lease| lease.owner != Some(self.party.owner))
        };
        let elsewhere = candidates.iter().filter(is_elsewhere);
        let mut awaited: Vec<_> = elsewhere
            .map(|one| (one.key.clone(), one.position))
            .collect();
        let (own, others): (Vec<_>, Vec<_>) = aside.into_iter().partition(|one| one.is_own);
        awaited.extend(others.into_iter().map(|one| (one.key, one.parked.position)));
        for (key, position) in &awaited {
            ahead.block(self.messages, key, *position);
        }
        ahead.parked = own.into_iter().map(|one| one.parked).collect();
        let last = self.last_free(&ahead);
        // Those beyond what was looked at wait, too, but for what is promoted now.
        for (key, _) in upto.iter().flat_map(|_| &self.keys) {
            ahead.block(self.messages, key, upto.unwrap_or(Position(0)));
        }
        let goes = |one: &&Candidate| {
            let last = last.get(one.key.as_str());
            last.is_some_and(|last| one.position < *last)
        };
        let taken: Vec<_> = candidates.iter().filter(goes).collect();
        let places: Vec<_> = taken.iter().map(|one| one.place).collect();
        let free = places.iter().copied();
        let free = free.filter(|place| claim::covering(&leases, *place).is_none());
        let ranges: Vec<_> = free.map(|(queue, at)| (queue, at, at)).collect();
        let new = claim::lease(client, self.party, &ranges).await?;
        let taken = Taken {
            logged: claim::messages(client, &places).await?,
            awaited: self.awaited(&awaited),
            ahead,
        };
        Ok((taken, new))
    }

    /// What others are told to be waited for: all before the last message of each key.
    fn awaited(&self, elsewhere: &[(String, Position)]) -> Vec<Awaited> {
        let is_awaited = |key: &str| elsewhere.iter().any(|(awaited, _)| awaited == key);
        let keys = self.keys.iter().filter(|(key, _)| is_awaited(key));
        let awaited = keys.map(|(key, before)| Awaited {
            subscription: Subscription::new(self.party.subscription, self.party.stream),
            key: (*key).to_owned(),
            before: *before,
        });
        awaited.collect()
    }

    /// Takes over the leases of the dead that cover some of the candidates. Their other messages
    /// are found by the backfill feed, which does not know these leases.
    async fn adopt(
        &self,
        client: &impl GenericClient,
        mut leases: Vec<Lease>,
        candidates: &[Candidate],
    ) -> Result<Vec<Lease>, Error> {
        let covers = |lease: &&Lease| candidates.iter().any(|one| lease.covers(one.place));
        let orphans = leases.iter().filter(|lease| lease.owner.is_none());
        let orphans: Vec<i64> = orphans.filter(covers).map(|lease| lease.id).collect();
        if orphans.is_empty() {
            return Ok(leases);
        }
        let adopted = claim::adopt(client, self.party, &orphans).await?;
        for lease in leases.iter_mut().filter(|one| adopted.contains(&one.id)) {
            lease.owner = Some(self.party.owner);
        }
        Ok(leases)
    }

    /// The last message of each key that need not wait.
    fn last_free(&self, ahead: &Ahead) -> HashMap<&'l str, Position> {
        let mut last = HashMap::new();
        for one in self.messages {
            let Some(key) = one.message.key.as_deref() else {
                continue;
            };
            if !ahead.blocked.contains(&one.position) {
                let known = last.entry(key).or_insert(one.position);
                *known = one.position.max(*known);
            }
        }
        last
    }
}
