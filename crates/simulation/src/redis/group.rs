//! Consumer groups: who was handed what.

use std::collections::BTreeMap;
use std::time::Duration;

use protean_core::Lane;

use super::Redis;
use crate::message::Logged;

/// An entry on its way to a consumer; without its message when it was removed meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) logged: Option<Logged>,
}

/// The answer when there is no such group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoGroup;

#[derive(Clone, Copy, Debug)]
struct Pending {
    consumer: u64,
    since: Duration,
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    delivered: u64,
    pending: BTreeMap<u64, Pending>,
    /// When each consumer was heard of.
    consumers: BTreeMap<u64, Duration>,
}

impl Group {
    /// How long everybody has been silent; `None` when there is nobody.
    pub(super) fn silence(&self, now: Duration) -> Option<Duration> {
        let heard = self.consumers.values().max()?;
        Some(now.saturating_sub(*heard))
    }

    /// The first entry that the group has not read.
    pub(super) const fn next(&self) -> u64 {
        self.delivered + 1
    }

    /// The first entry that the group still needs.
    pub(super) fn first_wanted(&self) -> u64 {
        let oldest = self.pending.keys().next().copied();
        oldest.unwrap_or_else(|| self.next())
    }
}

impl Redis {
    /// Makes the group, unless there is one; up to where PostgreSQL feeds it each queue. `queues`
    /// are those of the stream, with the numbers to start from where nothing is known.
    pub(crate) fn join(
        &mut self,
        now: Duration,
        (stream, lane): (usize, Lane),
        group: usize,
        consumer: u64,
        queues: &[(u64, u64)],
    ) -> BTreeMap<u64, u64> {
        let known = self.stream(stream, lane);
        for (queue, mark) in queues {
            known.know(*queue, *mark);
        }
        if !known.groups.contains_key(&group) {
            for (queue, _) in queues {
                let upto = known.complete_after(*queue);
                known.bounds.insert((group, *queue), upto);
            }
        }
        for (queue, _) in queues {
            let base = known.bases.get(queue).copied().unwrap_or_default();
            known.bounds.entry((group, *queue)).or_insert(base);
        }
        let made = known.groups.entry(group).or_default();
        made.consumers.entry(consumer).or_insert(now);
        let bound = |(queue, _): &(u64, u64)| Some((*queue, *known.bounds.get(&(group, *queue))?));
        queues.iter().filter_map(bound).collect()
    }

    fn group(
        &mut self,
        (stream, lane): (usize, Lane),
        group: usize,
    ) -> Result<&mut Group, NoGroup> {
        let known = self.stream(stream, lane);
        known.groups.get_mut(&group).ok_or(NoGroup)
    }

    /// A sign of life of a consumer.
    pub(crate) fn live(
        &mut self,
        now: Duration,
        place: (usize, Lane),
        group: usize,
        consumer: u64,
    ) {
        if let Ok(known) = self.group(place, group) {
            known.consumers.insert(consumer, now);
        }
    }

    /// Entries that nobody was handed.
    pub(crate) fn read_new(
        &mut self,
        now: Duration,
        place: (usize, Lane),
        (group, consumer): (usize, u64),
        count_max: usize,
    ) -> Result<Vec<Entry>, NoGroup> {
        self.live(now, place, group, consumer);
        let after = self.group(place, group)?.delivered;
        let entries = self.stream(place.0, place.1).entries.range(after + 1..);
        let fresh: Vec<Entry> = entries
            .take(count_max)
            .map(|(id, logged)| Entry {
                id: *id,
                logged: Some(*logged),
            })
            .collect();
        let known = self.group(place, group)?;
        for entry in &fresh {
            known.delivered = entry.id;
            known.pending.insert(
                entry.id,
                Pending {
                    consumer,
                    since: now,
                },
            );
        }
        Ok(fresh)
    }

    /// Entries that a consumer was handed, after one.
    pub(crate) fn read_own(
        &mut self,
        now: Duration,
        place: (usize, Lane),
        (group, consumer): (usize, u64),
        (after, count_max): (u64, usize),
    ) -> Result<Vec<Entry>, NoGroup> {
        self.live(now, place, group, consumer);
        let pending = self.group(place, group)?.pending.range(after + 1..);
        let own = pending.filter(|(_, one)| one.consumer == consumer);
        let ids: Vec<u64> = own.map(|(id, _)| *id).take(count_max).collect();
        Ok(self.entries(place, ids))
    }

    fn entries(&mut self, place: (usize, Lane), ids: Vec<u64>) -> Vec<Entry> {
        let entries = &self.stream(place.0, place.1).entries;
        let entry = |id| Entry {
            id,
            logged: entries.get(&id).copied(),
        };
        ids.into_iter().map(entry).collect()
    }

    /// Acknowledges entries.
    pub(crate) fn acknowledge(&mut self, place: (usize, Lane), group: usize, ids: &[u64]) {
        if let Ok(known) = self.group(place, group) {
            known.pending.retain(|id, _| !ids.contains(id));
        }
    }

    /// The consumers of a group: how long each has been silent, and how much it has.
    pub(crate) fn consumers(
        &mut self,
        now: Duration,
        place: (usize, Lane),
        group: usize,
    ) -> Result<Vec<(u64, Duration, usize)>, NoGroup> {
        let known = self.group(place, group)?;
        let pending = |id| {
            known
                .pending
                .values()
                .filter(|one| one.consumer == id)
                .count()
        };
        let consumers = known.consumers.iter();
        let consumers =
            consumers.map(|(id, heard)| (*id, now.saturating_sub(*heard), pending(*id)));
        Ok(consumers.collect())
    }

    /// Takes over what another consumer was handed and has had for a while, at most so much.
    pub(crate) fn claim(
        &mut self,
        now: Duration,
        place: (usize, Lane),
        (group, consumer): (usize, u64),
        (other, idle, count_max): (u64, Duration, usize),
    ) -> Result<Vec<Entry>, NoGroup> {
        let known = self.group(place, group)?;
        known.consumers.insert(consumer, now);
        let pending = known.pending.iter_mut();
        let theirs = pending
            .filter(|(_, one)| one.consumer == other)
            .take(count_max);
        let mut ids = Vec::new();
        for (id, one) in theirs {
            if now.saturating_sub(one.since) >= idle {
                *one = Pending {
                    consumer,
                    since: now,
                };
                ids.push(*id);
            }
        }
        Ok(self.entries(place, ids))
    }
}
