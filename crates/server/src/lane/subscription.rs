//! The messages of one subscription that are in memory, one at a time per key.
//!
//! Each lane has chains of its own, unless primary messages must not overtake backfill ones of
//! their key (L8): then a key has one chain for both lanes, and a backfill message before a primary
//! one runs on the primary lane.

use std::time::Duration;

use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::lane::Band;

use super::chain::Chains;
use super::hold::LaneQueue;
use super::item::{Item, Outcome};
use super::supply::Supply;

#[derive(Debug)]
pub(super) struct SubscriptionState<T> {
    pub(super) claimed: bool,
    pub(super) lanes: [LaneState<T>; 2],
    /// Those of the lanes, or the first for both.
    chains: [Chains<T>; 2],
    order: CrossLaneOrder,
}

#[derive(Debug)]
pub(super) struct LaneState<T> {
    pub(super) queue: LaneQueue<T>,
    pub(super) supply: Supply,
}

impl<T> LaneState<T> {
    fn new() -> Self {
        Self {
            queue: LaneQueue::new(),
            supply: Supply::Unknown,
        }
    }
}

impl<T> SubscriptionState<T> {
    pub(super) fn new(order: CrossLaneOrder) -> Self {
        Self {
            claimed: false,
            lanes: [LaneState::new(), LaneState::new()],
            chains: [Chains::new(), Chains::new()],
            order,
        }
    }

    fn queue(&mut self, lane: Lane) -> &mut LaneQueue<T> {
        &mut self.lanes[lane.index()].queue
    }

    fn chains(&mut self, lane: Lane) -> &mut Chains<T> {
        match self.order {
            CrossLaneOrder::None => &mut self.chains[lane.index()],
            CrossLaneOrder::PerKey => &mut self.chains[0],
        }
    }

    /// A message arrives in the flow of its lane.
    pub(super) fn arrive(&mut self, item: Item<T>) {
        let lane = item.lane;
        self.queue(lane).held += 1;
        let Some(key) = item.key else {
            return self.make_ready(item);
        };
        if (self.order, lane) == (CrossLaneOrder::PerKey, Lane::Primary) {
            self.promote(key, item.position, item.band);
        }
        self.chains(lane).append(key, item);
        self.queue(lane).waiting += 1;
        if let Some(item) = self.next_of(lane, key) {
            self.make_ready(item);
        }
    }

    /// The backfill messages of a key before a position are promoted, for something of this band.
    pub(super) fn promote(&mut self, key: u64, before: u64, band: Band) {
        if !self.chains(Lane::Backfill).promote(key, before, band) {
            return;
        }
        // The one that is ready may have to run elsewhere now, or behind what has arrived.
        let is_it = |item: &Item<T>| item.key == Some(key) && item.lane == Lane::Backfill;
        let ready = self.queue(Lane::Backfill).take_out(None, is_it);
        let ready = ready.or_else(|| self.queue(Lane::Primary).take_out(Some(band), is_it));
        if let Some(item) = ready {
            self.chains(Lane::Backfill).deactivate(key);
            self.prepend(key, item);
        }
    }

    /// A message is set aside; its key waits until it has had its turn.
    pub(super) fn park(&mut self, lane: Lane, position: u64, key: Option<u64>, due: Duration) {
        if let Some(key) = key {
            self.chains(lane).park(key, lane, position);
        }
        self.queue(lane).park(position, key, due);
    }

    /// A message that was set aside at a position comes back, or turns out to be gone.
    pub(super) fn unpark(
        &mut self,
        (lane, position): (Lane, u64),
        key: Option<u64>,
        item: Option<Item<T>>,
    ) {
        self.queue(lane).returned();
        self.queue(lane).held += usize::from(item.is_some());
        let Some(key) = key else {
            if let Some(item) = item {
                self.make_ready_first(item);
            }
            return;
        };
        self.chains(lane).unpark(key, lane, position);
        match item {
            Some(item) if self.chains(lane).reactivate(key, &item) => self.make_ready_first(item),
            Some(item) => self.prepend(key, item),
            None => self.go_on(lane, key),
        }
    }

    /// The most urgent backfill messages that are ready, each followed by those behind it in its
    /// key's chain: one worker runs them in this order, so the key's order holds.
    pub(super) fn take_batch(&mut self, count_max: usize) -> Vec<Item<T>> {
        let held = self.queue(Lane::Backfill).held();
        let mut batch = Vec::with_capacity(count_max.min(held));
        while batch.len() < count_max
            && let Some(item) = self.queue(Lane::Backfill).take()
        {
            let key = item.key;
            batch.push(item);
            let Some(key) = key else { continue };
            let room = count_max - batch.len();
            let followers = self.chains(Lane::Backfill).followers(key, room);
            self.queue(Lane::Backfill).waiting -= followers.len();
            batch.extend(followers);
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
                keys.push((item.lane, key));
                self.chains(item.lane).deactivate(key);
            }
            self.settle(item, outcome);
        }
        for (lane, key) in keys {
            self.go_on(lane, key);
        }
    }

    fn settle(&mut self, item: Item<T>, outcome: Outcome) {
        let lane = item.lane;
        match outcome {
            Outcome::Done => self.queue(lane).held -= 1,
            Outcome::Parked { position, due } => {
                self.queue(lane).held -= 1;
                self.park(lane, position, item.key, due);
            }
            Outcome::Unrun => match item.key {
                Some(key) => self.prepend(key, item),
                None => self.make_ready_first(item),
            },
        }
    }

    fn prepend(&mut self, key: u64, item: Item<T>) {
        let lane = item.lane;
        self.queue(lane).waiting += 1;
        self.chains(lane).prepend(key, item);
    }

    /// The next message of a key may go, before others that are as urgent: it has waited longer.
    pub(super) fn go_on(&mut self, lane: Lane, key: u64) {
        if let Some(item) = self.next_of(lane, key) {
            self.make_ready_first(item);
        }
    }

    fn next_of(&mut self, lane: Lane, key: u64) -> Option<Item<T>> {
        let next = self.chains(lane).next_of(key)?;
        self.queue(next.lane).waiting -= 1;
        Some(next)
    }

    fn way_of(&self, item: &Item<T>) -> (Lane, Band) {
        match self.order {
            CrossLaneOrder::None => (item.lane, item.band),
            CrossLaneOrder::PerKey => self.chains[0].way_of(item),
        }
    }

    fn make_ready(&mut self, item: Item<T>) {
        let (lane, band) = self.way_of(&item);
        self.queue(lane).make_ready(band, item);
    }

    fn make_ready_first(&mut self, item: Item<T>) {
        let (lane, band) = self.way_of(&item);
        self.queue(lane).make_ready_first(band, item);
    }
}
