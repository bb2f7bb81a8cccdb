//! The messages of one lane that are in memory, ordered by urgency, one at a time per key.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use protean_core::lane::Band;

use super::item::{Item, Outcome};

/// The most messages that were set aside and are on their way back at the same time: enough to keep
/// the reader busy, few enough to bound its queue.
pub(super) const RETURNING_MAX: usize = 32;

/// Messages that are ready to run, in chains behind their keys, or set aside.
#[derive(Debug)]
pub(super) struct LaneQueue<T> {
    ready: [VecDeque<Item<T>>; Band::COUNT],
    ready_count: usize,
    holds: HashMap<u64, Hold<T>>,
    parked: BinaryHeap<Reverse<Parked>>,
    held: usize,
    waiting: usize,
    returning: usize,
}

/// Why messages with a key have to wait.
#[derive(Debug)]
struct Hold<T> {
    /// One of them is ready or runs.
    active: bool,
    /// So many of them are set aside.
    parked: usize,
    /// Those behind, in order.
    chain: VecDeque<Item<T>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parked {
    due: Duration,
    position: u64,
    key: Option<u64>,
}

impl<T> Hold<T> {
    const fn new() -> Self {
        Self {
            active: false,
            parked: 0,
            chain: VecDeque::new(),
        }
    }
}

impl<T> LaneQueue<T> {
    pub(super) fn new() -> Self {
        Self {
            ready: Default::default(),
            ready_count: 0,
            holds: HashMap::new(),
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

    /// A message arrives in the flow of the lane.
    pub(super) fn arrive(&mut self, item: Item<T>) {
        self.held += 1;
        let Some(key) = item.key else {
            return self.make_ready(item);
        };
        self.holds
            .entry(key)
            .or_insert_with(Hold::new)
            .chain
            .push_back(item);
        self.waiting += 1;
        if let Some(item) = self.next_of(key) {
            self.make_ready(item);
        }
    }

    /// A message is set aside; its key waits until it has had its turn.
    pub(super) fn park(&mut self, position: u64, key: Option<u64>, due: Duration) {
        if let Some(key) = key {
            self.holds.entry(key).or_insert_with(Hold::new).parked += 1;
        }
        self.parked.push(Reverse(Parked { due, position, key }));
    }

    /// The next message that is set aside and due; it has to come back by [`Self::unpark`].
    pub(super) fn take_due(&mut self, now: Duration) -> Option<(u64, Option<u64>)> {
        let Reverse(next) = self.parked.peek()?;
        if next.due > now || self.returning == RETURNING_MAX {
            return None;
        }
        let Reverse(next) = self.parked.pop()?;
        self.returning += 1;
        Some((next.position, next.key))
    }

    /// A message that was set aside comes back, or turns out to be gone.
    pub(super) fn unpark(&mut self, key: Option<u64>, item: Option<Item<T>>) {
        self.held += usize::from(item.is_some());
        self.returning -= 1;
        let Some(key) = key else {
            if let Some(item) = item {
                self.make_ready_first(item);
            }
            return;
        };
        let hold = self.holds.entry(key).or_insert_with(Hold::new);
        hold.parked = hold.parked.saturating_sub(1);
        match item {
            Some(item) if hold.active => self.chain_first(key, item),
            Some(item) => {
                hold.active = true;
                self.make_ready_first(item);
            }
            None => {
                if let Some(item) = self.next_of(key) {
                    self.make_ready_first(item);
                }
            }
        }
    }

    /// The most urgent message that is ready.
    pub(super) fn take(&mut self) -> Option<Item<T>> {
        let band = self.next_band()?;
        self.ready_count -= 1;
        self.ready[band.index()].pop_front()
    }

    /// The most urgent messages that are ready, each followed by those behind it in its key's
    /// chain: one worker runs them in this order, so the key's order holds.
    pub(super) fn take_batch(&mut self, count_max: usize) -> Vec<Item<T>> {
        let mut batch = Vec::with_capacity(count_max.min(self.held));
        while batch.len() < count_max
            && let Some(item) = self.take()
        {
            let key = item.key;
            batch.push(item);
            let hold = key.and_then(|key| self.holds.get_mut(&key));
            if let Some(hold) = hold.filter(|hold| hold.parked == 0) {
                let count = hold.chain.len().min(count_max - batch.len());
                batch.extend(hold.chain.drain(..count));
                self.waiting -= count;
            }
        }
        batch
    }

    /// A run ended: each of its messages is settled, set aside, or put back in front. All of a
    /// key's messages are looked at before the next of that key may go.
    pub(super) fn finish(
        &mut self,
        outcomes: impl IntoIterator<Item = (Item<T>, Outcome), IntoIter: DoubleEndedIterator>,
    ) {
        let mut keys = Vec::new();
        // Back to front, so that those put back to the front end in their old order.
        for (item, outcome) in outcomes.into_iter().rev() {
            if let Some(key) = item.key {
                keys.push(key);
                if let Some(hold) = self.holds.get_mut(&key) {
                    hold.active = false;
                }
            }
            self.settle(item, outcome);
        }
        for key in keys {
            if let Some(item) = self.next_of(key) {
                self.make_ready_first(item);
            }
        }
    }

    fn settle(&mut self, item: Item<T>, outcome: Outcome) {
        self.held -= 1;
        match outcome {
            Outcome::Done => {}
            Outcome::Parked { position, due } => self.park(position, item.key, due),
            Outcome::Unrun => {
                self.held += 1;
                match item.key {
                    Some(key) => self.chain_first(key, item),
                    None => self.make_ready_first(item),
                }
            }
        }
    }

    fn chain_first(&mut self, key: u64, item: Item<T>) {
        self.waiting += 1;
        self.holds
            .entry(key)
            .or_insert_with(Hold::new)
            .chain
            .push_front(item);
    }

    /// The next message of a key that may go: none while one is active or set aside.
    fn next_of(&mut self, key: u64) -> Option<Item<T>> {
        let hold = self.holds.get_mut(&key)?;
        if hold.active || hold.parked > 0 {
            return None;
        }
        let next = hold.chain.pop_front();
        match &next {
            Some(_) => {
                hold.active = true;
                self.waiting -= 1;
            }
            None => {
                self.holds.remove(&key);
            }
        }
        next
    }

    fn make_ready(&mut self, item: Item<T>) {
        self.ready_count += 1;
        self.ready[item.band.index()].push_back(item);
    }

    fn make_ready_first(&mut self, item: Item<T>) {
        self.ready_count += 1;
        self.ready[item.band.index()].push_front(item);
    }
}
