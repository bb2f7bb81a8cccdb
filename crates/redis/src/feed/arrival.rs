//! Entries on their way to the engine.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use protean_core::message::Kind;
use protean_core::port::broker::Delivery;
use protean_core::settled::Settled;
use protean_core::{Lane, port};
use protean_postgres::outbox::{Bounds, Logged};

use super::RedisFeed;
use crate::entry;
use crate::foreign;

/// How entries came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody was handed them before.
    New,
    /// Somebody was, and may have settled them.
    Again,
}

impl RedisFeed {
    /// Hands out what entries hold, unless it is in hand or settled.
    pub(super) async fn arrive(
        &mut self,
        entries: Vec<entry::Entry>,
        origin: Origin,
        found: &mut Vec<Delivery>,
    ) -> Result<(), port::Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let arrived = self.try_arrive(entries, origin, found).await;
        if arrived.is_err() {
            // They stay with this consumer, and are read again from there.
            self.reread = Some("0".to_owned());
        }
        arrived
    }

    async fn try_arrive(
        &mut self,
        entries: Vec<entry::Entry>,
        origin: Origin,
        found: &mut Vec<Delivery>,
    ) -> Result<(), port::Error> {
        let mut arrived: Vec<(String, Logged)> = Vec::with_capacity(entries.len());
        let mut foreign: Vec<entry::Entry> = Vec::new();
        for entry in entries {
            match entry.own() {
                Some(logged) => arrived.push((entry.id, logged)),
                None if entry.removed => self.acks.push(entry.id),
                None => foreign.push(entry),
            }
        }
        arrived.extend(self.take_in(foreign).await?);
        let mut places = Vec::new();
        let mut candidates = Vec::new();
        for (id, logged) in self.choose(arrived, origin).await? {
            let place = (logged.queue, logged.sequence);
            self.entries.insert(place, id);
            places.push(place);
            candidates.push(logged);
        }
        let handed = self.inner.arrive(candidates, &Settled::default()).await;
        for place in places {
            if self.inner.holds(place.0, place.1) {
                continue;
            }
            let entry = self.entries.remove(&place);
            if handed.is_ok() {
                // It was promoted, and is in other hands or settled.
                self.acks.extend(entry);
            }
        }
        found.extend(handed?);
        Ok(())
    }

    /// The messages that are to be handled; the entries of the others are acknowledged.
    async fn choose(
        &mut self,
        arrived: Vec<(String, Logged)>,
        origin: Origin,
    ) -> Result<Vec<(String, Logged)>, port::Error> {
        let mut seen = HashSet::new();
        let mut settled: HashMap<u64, Settled> = HashMap::new();
        let mut chosen = Vec::with_capacity(arrived.len());
        for (id, logged) in arrived {
            let place = (logged.queue, logged.sequence);
            if let Some(known) = self.entries.get_mut(&place) {
                // After Redis lost its data only the new one is there for whoever takes over. One
                // that is about to be acknowledged, and was read again before, is not.
                if *known != id && !self.acks.contains(&id) {
                    self.acks.push(std::mem::replace(known, id));
                }
                continue;
            }
            if !seen.insert(place) || self.inner.holds(logged.queue, logged.sequence) {
                self.acks.push(id);
                continue;
            }
            // What an import withdrew may have been published before, and an event may have been
            // settled by the commit that published it.
            let is_event = logged.message.kind == Kind::Event;
            let may_be_settled = origin == Origin::Again || self.lane == Lane::Backfill || is_event;
            if may_be_settled || self.is_doubtful(&logged) {
                let known = match settled.entry(logged.queue) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(slot) => slot.insert(self.inner.settled_of(logged.queue).await?),
                };
                if known.contains(logged.sequence) {
                    self.acks.push(id);
                    continue;
                }
            }
            chosen.push((id, logged));
        }
        Ok(chosen)
    }

    /// Whether a message may have been handed out before, though Redis says that it was not:
    /// PostgreSQL has fed it, or somebody else has published it.
    fn is_doubtful(&self, logged: &Logged) -> bool {
        match &self.bounds {
            Some(Bounds::Upto(bounds)) => bounds
                .get(&logged.queue)
                .is_none_or(|upto| logged.sequence <= *upto),
            _ => true,
        }
    }

    /// Takes in what somebody else has published.
    async fn take_in(
        &self,
        entries: Vec<entry::Entry>,
    ) -> Result<Vec<(String, Logged)>, port::Error> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let stream = &*self.subscription.stream;
        let read =
            |entry: &entry::Entry| foreign::message(entry, stream, self.lane, &self.broker.options);
        let messages: Vec<_> = entries.iter().map(read).collect();
        let taken = self.broker.outbox.take_in(self.lane, stream, &messages);
        let taken = taken.await?;
        let by_id: HashMap<_, _> = taken.iter().map(|one| (one.message.id, one)).collect();
        let ids = entries.into_iter().map(|entry| entry.id).zip(&messages);
        Ok(ids
            .filter_map(|(id, message)| Some((id, (*by_id.get(&message.id)?).clone())))
            .collect())
    }
}
