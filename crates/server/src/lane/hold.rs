//! The messages of one lane that are in memory and ready, ordered by urgency, and those that are set
//! aside.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use protean_core::lane::Band;

use super::item::Item;

/// The most messages that were set aside and are on their way back at the same time: enough to keep
/// the reader busy, few enough to bound its queue.
pub(super) const RETURNING_MAX: usize = 32;

/// Messages that are ready to run, or set aside.
#[derive(Debug)]
pub(super) struct LaneQueue<T> {
    ready: [VecDeque<Item<T>>; Band::COUNT],
    ready_count: usize,
    parked: BinaryHeap<Reverse<Parked>>,
    /// Messages that came on this lane and are in memory: ready, running or waiting in a chain.
    pub(super) held: usize,
    /// Those of them that wait behind another one of their key.
    pub(super) waiting: usize,
    returning: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parked {
    due: Duration,
    position: u64,
    key: Option<u64>,
}

impl<T> LaneQueue<T> {
    pub(super) fn new() -> Self {
        Self {
            ready: Default::default(),
            ready_count: 0,
            parked: BinaryHeap::new(),
            held: 0,
            waiting: 0,
            returning: 0,
        }
    }

    /// Messages in memory: ready, running or waiting in a chain.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Messages in memory that wait behind another one of their key.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Messages that are ready to run.
    pub(super) const fn ready(&self) -> usize {
        self.ready_count
    }

    /// Messages that are set aside, those on their way back among them.
    pub(super) fn set_aside(&self) -> usize {
        self.parked.len() + self.returning
    }

    pub(super) const fn has_ready(&self) -> bool {
        self.ready_count > 0
    }

    pub(super) fn next_band(&self) -> Option<Band> {
        Band::ALL
            .into_iter()
            .find(|band| !self.ready[band.index()].is_empty())
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.parked.peek().map(|Reverse(parked)| parked.due)
    }

    /// A message is set aside.
    pub(super) fn park(&mut self, position: u64, key: Option<u64>, due: Duration) {
        self.parked.push(Reverse(Parked { due, position, key }));
    }

    /// The next message that is set aside and due; it has to come back by [`Self::returned`].
    pub(super) fn take_due(&mut self, now: Duration) -> Option<(u64, Option<u64>)> {
        let Reverse(next) = self.parked.peek()?;
        if next.due > now || self.returning == RETURNING_MAX {
            return None;
        }
        let Reverse(next) = self.parked.pop()?;
        self.returning += 1;
        Some((next.position, next.key))
    }

    /// A message that was set aside has come back, or turned out to be gone.
    pub(super) const fn returned(&mut self) {
        self.returning -= 1;
    }

    /// The most urgent message that is ready.
    pub(super) fn take(&mut self) -> Option<Item<T>> {
        let band = self.next_band()?;
        self.ready_count -= 1;
        self.ready[band.index()].pop_front()
    }

    /// A message that is ready and is the one; those less urgent than a band alone are looked at.
    pub(super) fn take_out(
        &mut self,
        behind: Option<Band>,
        is_it: impl Fn(&Item<T>) -> bool,
    ) -> Option<Item<T>> {
        let bands = Band::ALL.into_iter().filter(|band| Some(*band) > behind);
        let (band, at) = bands
            .filter_map(|band| Some((band, self.ready[band.index()].iter().rposition(&is_it)?)))
            .next()?;
        self.ready_count -= 1;
        self.ready[band.index()].remove(at)
    }

    pub(super) fn make_ready(&mut self, band: Band, item: Item<T>) {
        self.ready_count += 1;
        self.ready[band.index()].push_back(item);
    }

    pub(super) fn make_ready_first(&mut self, band: Band, item: Item<T>) {
        self.ready_count += 1;
        self.ready[band.index()].push_front(item);
    }
}
