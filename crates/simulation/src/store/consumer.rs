//! Who takes part in which subscription, and whether they are alive.

use std::time::Duration;

use super::Store;

impl Store {
    /// Takes part in a subscription; the number that it owns things by.
    pub(crate) fn join(&mut self, now: Duration) -> u64 {
        let id = self.number();
        self.soft.consumers.insert(id, now);
        id
    }

    /// Signs of life; those that are known.
    pub(crate) fn beat(&mut self, now: Duration, ids: &[u64]) -> Vec<u64> {
        let mut known = Vec::new();
        for id in ids {
            if let Some(seen) = self.soft.consumers.get_mut(id) {
                *seen = now;
                known.push(*id);
            }
        }
        known
    }

    /// Those that were silent for too long.
    pub(crate) fn silent(&self, now: Duration, silence_max: Duration) -> Vec<u64> {
        let all = self.soft.consumers.iter();
        let silent = all.filter(|(_, seen)| now.saturating_sub(**seen) > silence_max);
        silent.map(|(id, _)| *id).collect()
    }

    /// Removes consumers, and frees what they held.
    pub(crate) fn remove(&mut self, ids: &[u64]) {
        self.soft.consumers.retain(|id, _| !ids.contains(id));
        for lease in self.soft.leases.values_mut() {
            lease.owner.take_if(|owner| ids.contains(owner));
        }
        for parked in self.parked.values_mut() {
            parked.owner.take_if(|owner| ids.contains(owner));
        }
    }

    /// Whether an owner is nobody, or nobody who is known.
    pub(super) fn is_nobody(&self, owner: Option<u64>) -> bool {
        owner.is_none_or(|owner| !self.soft.consumers.contains_key(&owner))
    }

    /// Whether anything is anybody's: set aside or leased, and owned by nobody who is known.
    pub(crate) fn has_orphans(&self) -> bool {
        let parked = self.parked.values().map(|parked| parked.owner);
        let leases = self.soft.leases.values().map(|lease| lease.owner);
        parked.chain(leases).any(|owner| self.is_nobody(owner))
    }
}
