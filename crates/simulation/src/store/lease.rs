//! Leases: ranges of a queue that one consumer hands out.

use std::collections::BTreeMap;

use protean_core::Lane;
use protean_core::settled::Settled;

use super::{Queue, Store};
use crate::message::Logged;
use crate::planted::Planted;

/// A range of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    subscription: usize,
    queue: u64,
    first: u64,
    last: u64,
    pub(super) owner: Option<u64>,
}

/// Whose leases they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party {
    pub(crate) subscription: usize,
    pub(crate) lane: Lane,
    pub(crate) owner: u64,
}

/// Up to where queues are handed out from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// To their end.
    None,
    /// Some up to a number; the others not at all.
    Upto(BTreeMap<u64, u64>),
}

impl Bounds {
    /// Whether a message is handed out from the store.
    pub(crate) fn contains(&self, one: &Logged) -> bool {
        match self {
            Self::None => true,
            Self::Upto(known) => known
                .get(&one.queue)
                .is_some_and(|upto| one.sequence <= *upto),
        }
    }

    fn of(&self, queue: &Queue) -> u64 {
        match self {
            Self::None => queue.head(),
            Self::Upto(known) => known.get(&queue.id).copied().unwrap_or(0).min(queue.head()),
        }
    }
}

/// Messages under a lease, and what the subscription has settled of their queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leased {
    pub(crate) lease: Option<u64>,
    pub(crate) settled: Settled,
    pub(crate) messages: Vec<Logged>,
}

impl Store {
    fn handed(&self, subscription: usize, queue: u64) -> u64 {
        let handed = self.soft.handouts.get(&(subscription, queue)).copied();
        let settled = self.settled(subscription, queue).upto();
        handed.unwrap_or_default().max(settled)
    }

    /// The queues of the lane that have something to hand out, most urgent first, each with up to
    /// where.
    pub(crate) fn grown(&self, party: Party, bounds: &Bounds) -> Vec<(u64, u64)> {
        let stream = self.plan.stream_of(party.subscription);
        let mut found = Vec::new();
        for id in self.queues(party.lane) {
            let queue = self.queue(id);
            let upto = bounds.of(queue);
            if queue.stream == stream && upto > self.handed(party.subscription, id) {
                found.push((id, upto));
            }
        }
        if self.is_planted(Planted::FetchLeastUrgentFirst) {
            found.reverse();
        }
        found
    }

    /// Takes the next messages of a queue under a new lease, at most so many, up to a number.
    pub(crate) fn take(&mut self, party: Party, queue: u64, count_max: usize, upto: u64) -> Leased {
        let before = self.handed(party.subscription, queue);
        let upto = upto.min(self.queue(queue).head());
        let last = (before + count_max as u64).min(upto);
        if last <= before {
            return Leased::default();
        }
        self.soft.handouts.insert((party.subscription, queue), last);
        let id = self.number();
        let lease = Lease {
            subscription: party.subscription,
            queue,
            first: before + 1,
            last,
            owner: Some(party.owner),
        };
        self.soft.leases.insert(id, lease);
        self.range(id, lease)
    }

    /// Takes over a lease of somebody who is gone, or one of its own that is not among those it
    /// knows.
    pub(crate) fn adopt(&mut self, party: Party, known: &[u64]) -> Option<Leased> {
        let stream = self.plan.stream_of(party.subscription);
        let steals = self.is_planted(Planted::LeaseOfTheLiving);
        let keeps = self.is_planted(Planted::DeadKeepLeases);
        let free = |(id, lease): &(&u64, &Lease)| {
            let queue = self.queue(lease.queue);
            let unknown = !known.contains(id);
            lease.subscription == party.subscription
                && (queue.stream, queue.lane) == (stream, party.lane)
                && match lease.owner {
                    None => !keeps,
                    Some(owner) if !keeps && !self.soft.consumers.contains_key(&owner) => unknown,
                    Some(owner) => (owner == party.owner || steals) && unknown,
                }
        };
        let id = self.soft.leases.iter().find(free).map(|(id, _)| *id)?;
        let lease = self.soft.leases.get_mut(&id)?;
        lease.owner = Some(party.owner);
        let lease = *lease;
        Some(self.range(id, lease))
    }

    fn range(&self, id: u64, lease: Lease) -> Leased {
        let count = usize::try_from(lease.last - lease.first + 1).unwrap_or(usize::MAX);
        Leased {
            lease: Some(id),
            settled: self.settled(lease.subscription, lease.queue),
            messages: self.read(lease.queue, lease.first - 1, count),
        }
    }

    /// Gives leases back.
    pub(crate) fn release(&mut self, leases: &[u64]) {
        self.soft.leases.retain(|id, _| !leases.contains(id));
    }
}
