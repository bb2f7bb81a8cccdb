//! The broker of the distributed tier: Redis, as far as streams are concerned. What is here stands
//! for commands and scripts; each function is one, and happens at once. It may lose everything.

mod group;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;

use crate::invariants::{l9_exactly_once, window};
use crate::message::Logged;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::watch::Watch;

pub(crate) use group::{Entry, NoGroup};

use group::Group;

/// How long the consumers of a group may all be silent before it counts as abandoned.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);
const ABANDONED_WHEN_FULL_AFTER: Duration = Duration::from_secs(10);

/// A lane of a stream, and what relays know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    entries: BTreeMap<u64, Logged>,
    groups: BTreeMap<usize, Group>,
    /// Up to where each queue is published.
    published: BTreeMap<u64, u64>,
    /// From where publishing each queue began.
    bases: BTreeMap<u64, u64>,
    /// Up to where PostgreSQL feeds each group each queue.
    bounds: BTreeMap<(usize, u64), u64>,
}

impl Stream {
    /// A queue is published from its mark on, if nothing is known of it.
    fn know(&mut self, queue: u64, mark: u64) {
        if self.published.contains_key(&queue) {
            return;
        }
        self.published.insert(queue, mark);
        self.bases.insert(queue, mark);
    }

    /// The number after which all published messages of a queue are there. One before a gap may be
    /// a copy that somebody made.
    fn complete_after(&self, queue: u64) -> u64 {
        let published = self.published.get(&queue).copied().unwrap_or_default();
        let (mut after, mut last) = (published, 0);
        for entry in self.entries.values().filter(|one| one.queue == queue) {
            if entry.sequence <= last {
                continue;
            }
            if last == 0 || entry.sequence != last + 1 {
                after = entry.sequence - 1;
            }
            last = entry.sequence;
        }
        match last == published {
            true => after,
            false => published,
        }
    }
}

/// What a relay publishes.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) queue: u64,
    /// Up to where the relay thinks that the queue is published.
    pub(crate) from: u64,
    /// The number to start from if nothing is known.
    pub(crate) mark: u64,
    pub(crate) batch: Vec<Logged>,
}

type Place = (usize, usize);

/// All that Redis holds.
pub(crate) struct Redis {
    plan: Rc<Plan>,
    watch: Rc<Watch>,
    pub(crate) planted: Option<Planted>,
    streams: BTreeMap<Place, Stream>,
    saved: BTreeMap<Place, Stream>,
    ids: u64,
    /// How often its connections broke.
    pub(crate) epoch: u64,
}

impl Redis {
    pub(crate) fn new(plan: Rc<Plan>, watch: Rc<Watch>, planted: Option<Planted>) -> Self {
        Self {
            plan,
            watch,
            planted,
            streams: BTreeMap::new(),
            saved: BTreeMap::new(),
            ids: 0,
            epoch: 0,
        }
    }

    pub(super) fn stream(&mut self, stream: usize, lane: Lane) -> &mut Stream {
        self.streams.entry((stream, lane.index())).or_default()
    }

    /// Everything is lost.
    pub(crate) fn flush(&mut self) {
        self.streams.clear();
        self.epoch += 1;
    }

    /// What is there now is what a replica has.
    pub(crate) fn save(&mut self) {
        self.saved.clone_from(&self.streams);
    }

    /// The replica takes over: what came after it was saved is lost.
    pub(crate) fn fail_over(&mut self) {
        self.streams.clone_from(&self.saved);
        self.epoch += 1;
    }

    /// What is left, for whoever looks into a failure.
    pub(crate) fn remains(&self) -> String {
        let mut all = String::new();
        for (place, known) in &self.streams {
            let entries = known.entries.iter().map(|(id, one)| (*id, one.id));
            let entries: Vec<_> = entries.collect();
            let Stream {
                groups,
                published,
                bounds,
                ..
            } = known;
            all += &format!("{place:?}: {entries:?} {groups:?} {published:?} {bounds:?}; ");
        }
        all
    }

    /// Publishes messages that follow on `from`, unless somebody else has; up to where the queue is
    /// published then, and the length of the stream.
    pub(crate) fn publish(&mut self, stream: usize, lane: Lane, what: &Publication) -> (u64, u64) {
        let first = self.ids + 1;
        self.ids += what.batch.len() as u64;
        let planted = self.planted;
        let stale = planted == Some(Planted::PublishAfterStaleCompare);
        let (watch, most) = (self.watch.clone(), self.plan.window[lane.index()]);
        let known = self.stream(stream, lane);
        known.know(what.queue, what.mark);
        let at = known.published.entry(what.queue).or_default();
        let unbounded = [Planted::WindowIgnored, Planted::WindowCompared].map(Some);
        let fits = known.entries.len() + what.batch.len() <= usize::try_from(most).unwrap_or(0)
            || unbounded.contains(&planted);
        if let Some(last) = what.batch.last()
            && (*at == what.from || stale)
            && fits
        {
            l9_exactly_once::check_published(&watch, *at, &what.batch);
            *at = last.sequence;
            let ids = first..;
            known.entries.extend(ids.zip(what.batch.iter().copied()));
            window::check(&watch, known.entries.len() as u64, most);
        }
        (known.published[&what.queue], known.entries.len() as u64)
    }

    /// Somebody publishes a message again that is there.
    pub(crate) fn duplicate(&mut self, stream: usize, lane: Lane, nth: usize) {
        let most = self.plan.window[lane.index()];
        self.ids += 1;
        let (id, watch) = (self.ids, self.watch.clone());
        let known = self.stream(stream, lane);
        let count = known.entries.len();
        if count == 0 || (count as u64) >= most {
            return;
        }
        if let Some(entry) = known.entries.values().nth(nth % count).copied() {
            known.entries.insert(id, entry);
            watch.double(entry.id);
        }
    }

    /// Removes the entries that every group has acknowledged, and groups that are abandoned; the
    /// length before and after, and how many the group that has the fewest before it has not read.
    pub(crate) fn trim(
        &mut self,
        now: Duration,
        (stream, lane): (usize, Lane),
        full_at: u64,
    ) -> (u64, u64, u64) {
        let most = self.plan.window[lane.index()];
        let known = self.stream(stream, lane);
        let before = known.entries.len() as u64;
        let full = before >= full_at;
        let patience = if full {
            ABANDONED_WHEN_FULL_AFTER
        } else {
            ABANDONED_AFTER
        };
        let abandoned = |group: &Group| group.silence(now).is_some_and(|idle| idle >= patience);
        let gone: Vec<usize> = known
            .groups
            .iter()
            .filter_map(|(name, group)| abandoned(group).then_some(*name))
            .collect();
        for name in gone {
            known.groups.remove(&name);
            known.bounds.retain(|(group, _), _| *group != name);
        }
        match known.groups.values().map(Group::first_wanted).min() {
            Some(first) => known.entries = known.entries.split_off(&first),
            None => {
                while known.entries.len() as u64 > most {
                    known.entries.pop_first();
                }
            }
        }
        let unread = |group: &Group| known.entries.range(group.next()..).count() as u64;
        let fewest = known.groups.values().map(unread).min();
        let length = known.entries.len() as u64;
        (before, length, fewest.unwrap_or(length))
    }
}
