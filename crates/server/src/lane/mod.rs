//! The lane scheduler: which message runs next, and on which lane.
//!
//! A plain state machine without input or output. The engine tells it what arrived, what finished
//! and what time it is; it answers with actions. Property tests and simulations drive it the same
//! way, so that what they prove is what runs.
//!
//! What it guarantees, at every step:
//! - no backfill run starts while any subscription has a primary message ready (L1, L3), but for
//!   the `min_share` that an operator asked for (L6);
//! - primary has slots of its own, which backfill cannot take (L2);
//! - a lane that has a message ready and a slot free runs it (L5), but for backfill that an operator
//!   asked to pause or to limit, or that rests while production is about (L4);
//! - inside a lane the more urgent band goes first, and arrival order rules inside a band (L7);
//! - of the messages of one lane with one key, at most one run holds any, in arrival order; with
//!   [`CrossLaneOrder::PerKey`] of both lanes, and a primary one never overtakes a backfill one
//!   that was published before it, which runs on the primary lane then (L8);
//! - a message that failed keeps nothing but its own key waiting (L10), unless different ones fail in
//!   a row for a while and none is handled: then the subscription is left alone, but for one message
//!   at a time that finds out whether it is over.

mod breaker;
mod chain;
mod hold;
mod item;
mod number;
mod poll;
mod share;
mod standing;
mod subscription;
mod supply;
mod throttle;

use std::time::Duration;

use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::lane::Band;

use breaker::Breaker;
pub use breaker::LeftAlone;
pub use item::{Action, Item, Outcome, Run};
use share::Share;
pub use standing::Standing;
use subscription::{LaneState, SubscriptionState};
pub use throttle::Shared;
use throttle::Throttles;

/// The most messages of a lane that wait in memory behind others of their keys. Beyond it the lane
/// is not fetched until some of them have gone: memory is worth more than the last hot key.
const WAITING_MAX: usize = 20_000;

/// The most unanswered [`Action::FetchParked`] of one lane of one subscription.
pub const RETURNING_MAX: usize = hold::RETURNING_MAX;

/// What the scheduler is allowed to use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Runs of the primary lane at the same time, reserved for it.
    pub primary_slots: usize,
    /// Runs of the backfill lane at the same time.
    pub backfill_slots: usize,
    /// Messages in one backfill run; its time is bounded elsewhere.
    pub batch_max: usize,
    /// Messages of one lane of one subscription that are ready or run, and so are in memory.
    pub buffer_max: usize,
    /// The part of all handled messages that backfill gets even while primary is saturated; 0 for
    /// none.
    pub min_share: f64,
    /// What holds between messages of one key in different lanes.
    pub order: CrossLaneOrder,
}

/// The scheduler of one process; `T` is the engine's message.
#[derive(Debug)]
pub struct Scheduler<T> {
    limits: Limits,
    subscriptions: Vec<SubscriptionState<T>>,
    free: [usize; 2],
    /// Backfill slots that are not to be used for now.
    withheld: usize,
    /// Until when backfill rests.
    rested_at: Duration,
    turn: [usize; 2],
    share: Share,
    throttles: Throttles,
    breakers: Vec<Breaker>,
    /// The time of the last poll.
    now: Duration,
    stopping: bool,
}

impl<T> Scheduler<T> {
    /// A scheduler for this many subscriptions, none of them claimed yet.
    #[must_use]
    pub fn new(subscriptions: usize, limits: Limits) -> Self {
        let state = |_| SubscriptionState::new(limits.order);
        Self {
            limits,
            subscriptions: (0..subscriptions).map(state).collect(),
            free: [limits.primary_slots, limits.backfill_slots],
            withheld: 0,
            rested_at: Duration::ZERO,
            turn: [0, 0],
            share: Share::new(limits.min_share),
            throttles: Throttles::default(),
            breakers: vec![Breaker::new(); subscriptions],
            now: Duration::ZERO,
            stopping: false,
        }
    }

    /// The subscription is this process's now. What is set aside must be told before with
    /// [`Self::parked`].
    pub fn claimed(&mut self, subscription: usize) {
        self.subscriptions[subscription].claimed = true;
        self.throttles.divide(&self.claims());
    }

    /// Lets no more through of the backfill lane than these say together; replaces what was said
    /// before. What runs goes on. Of a paused lane nothing is fetched or started; of a limited one
    /// as much as has come in by now.
    pub fn throttle(&mut self, now: Duration, all: Vec<Shared>) {
        self.throttles.replace(now, all, &self.claims());
    }

    /// A message is set aside until `due`; its key waits for it.
    pub fn parked(
        &mut self,
        subscription: usize,
        lane: Lane,
        position: u64,
        key: Option<u64>,
        due: Duration,
    ) {
        self.subscriptions[subscription].park(lane, position, key, due);
    }

    /// Something may have been published on this lane.
    pub fn published(&mut self, subscription: usize, lane: Lane) {
        self.lane(subscription, lane).supply.published();
    }

    /// The answer to [`Action::Fetch`]; `more` says whether there may be more right away. With
    /// [`CrossLaneOrder::PerKey`] the answer for the primary lane begins with the backfill messages
    /// that go before its own and have not arrived yet.
    pub fn fetched(
        &mut self,
        subscription: usize,
        lane: Lane,
        items: impl IntoIterator<Item = Item<T>>,
        more: bool,
    ) {
        self.lane(subscription, lane).supply.fetched(more);
        for item in items {
            self.subscriptions[subscription].arrive(item);
        }
    }

    /// The backfill messages of a key before a position go on the primary lane, as urgent as
    /// `band`; those that have not arrived will only when one of them has.
    pub fn promote(&mut self, subscription: usize, key: u64, before: u64, band: Band) {
        let known = &mut self.subscriptions[subscription];
        known.promote(key, before, band);
        known.go_on(Lane::Backfill, key);
    }

    /// The answer to [`Action::FetchParked`]: the message that was set aside at this position, or
    /// `None` when it is not set aside any more.
    pub fn fetched_parked(
        &mut self,
        subscription: usize,
        (lane, position): (Lane, u64),
        key: Option<u64>,
        item: Option<Item<T>>,
    ) {
        self.subscriptions[subscription].unpark((lane, position), key, item);
    }

    /// A run on this lane ended; each of its messages with its outcome.
    pub fn finished(
        &mut self,
        subscription: usize,
        lane: Lane,
        outcomes: impl IntoIterator<Item = (Item<T>, Outcome), IntoIter: DoubleEndedIterator>,
    ) {
        self.free[lane.index()] += 1;
        let (mut handled, mut unrun) = (0, 0);
        let counted = outcomes.into_iter().inspect(|(_, outcome)| match outcome {
            Outcome::Unrun => unrun += 1,
            Outcome::Done | Outcome::Parked { .. } => handled += 1,
        });
        self.subscriptions[subscription].finish(counted);
        self.breakers[subscription].ended(self.now);
        match lane {
            Lane::Primary => self.share.earn(handled),
            Lane::Backfill => {
                self.share.finished(handled + unrun, handled);
                self.throttles.unrun(subscription, unrun);
            }
        }
    }

    /// A message failed in a way that says nothing about it but that something is out of order; the
    /// same key, or the same message, is the same number. When different ones do so in a row, and
    /// none is handled, both lanes of the subscription wait, but for one message at a time that
    /// finds out whether it is over. To be told before [`Self::finished`].
    pub fn failed(&mut self, subscription: usize, message: u64) {
        self.breakers[subscription].failed(self.now, message);
    }

    /// A handler did its work. To be told before [`Self::finished`].
    pub fn handled(&mut self, subscription: usize) {
        self.breakers[subscription].handled();
    }

    /// Whether a subscription is left alone, since its handler fails for everything.
    #[must_use]
    pub fn is_left_alone(&self, subscription: usize) -> bool {
        !self.breakers[subscription].is_closed()
    }

    /// Whether a subscription has nothing on its primary lane that it knows of: nothing in memory and
    /// nothing set aside. What is published next may be handled where it is published.
    #[must_use]
    pub fn is_at_rest(&self, subscription: usize) -> bool {
        let known = &self.subscriptions[subscription];
        let queue = &known.lanes[Lane::Primary.index()].queue;
        let idle = queue.held() == 0 && queue.set_aside() == 0;
        known.claimed && idle && self.breakers[subscription].is_closed() && !self.stopping
    }

    /// At most so many backfill runs may overlap from now on, and at least one (L4); those that run
    /// may finish.
    pub fn set_overlap(&mut self, overlap_max: usize) {
        self.withheld = self
            .limits
            .backfill_slots
            .saturating_sub(overlap_max.max(1));
    }

    /// No backfill run starts for so long from now on, beyond a rest that is not over; but for what
    /// `min_share` owes (L4, L6).
    pub fn rest(&mut self, now: Duration, rest: Duration) {
        self.rested_at = self.rested_at.max(now) + rest;
    }

    /// Whether backfill rests.
    fn is_resting(&self) -> bool {
        self.now < self.rested_at
    }

    /// Starts nothing any more; what runs may finish.
    pub const fn stop(&mut self) {
        self.stopping = true;
    }

    /// Whether nothing runs.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.free[0] == self.limits.primary_slots && self.free[1] == self.limits.backfill_slots
    }

    /// Whether a primary message of any subscription waits to be fetched or run, so that backfill
    /// runs should end at the next message.
    #[must_use]
    pub fn primary_waits(&self) -> bool {
        self.going().any(|known| {
            let primary = &known.lanes[Lane::Primary.index()];
            primary.queue.has_ready() || primary.supply.may_hold_news()
        })
    }

    /// The subscriptions that are claimed and not left alone.
    fn going(&self) -> impl Iterator<Item = &SubscriptionState<T>> {
        let all = self.subscriptions.iter().zip(&self.breakers);
        let going = all.filter(|(known, breaker)| known.claimed && breaker.room(self.now) > 0);
        going.map(|(known, _)| known)
    }

    /// Messages of a lane that are in memory, waiting or running.
    #[must_use]
    pub fn held(&self, subscription: usize, lane: Lane) -> usize {
        self.subscriptions[subscription].lanes[lane.index()]
            .queue
            .held()
    }

    /// When the next message that is set aside becomes due, or the next of a limited lane may
    /// start.
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        if self.stopping {
            return None;
        }
        let all = 0..self.subscriptions.len();
        all.flat_map(|subscription| Lane::ALL.map(|lane| self.wake_lane_at(subscription, lane)))
            .chain([self.rested_at()])
            .flatten()
            .min()
    }

    /// When backfill that is ready has rested.
    fn rested_at(&self) -> Option<Duration> {
        let is_ready = |known: &SubscriptionState<T>| {
            let backfill = &known.lanes[Lane::Backfill.index()];
            known.claimed && backfill.queue.has_ready()
        };
        let waits = self.is_resting() && self.subscriptions.iter().any(is_ready);
        waits.then_some(self.rested_at)
    }

    fn wake_lane_at(&self, subscription: usize, lane: Lane) -> Option<Duration> {
        let known = &self.subscriptions[subscription];
        let queue = &known.lanes[lane.index()].queue;
        if let Some(until) = self.breakers[subscription].until()
            && until > self.now
        {
            return match queue.has_ready() {
                true => Some(until),
                false => queue.next_due().map(|due| due.max(until)),
            };
        }
        if self.may_return(subscription, lane) {
            return queue.next_due();
        }
        if lane == Lane::Primary || !known.claimed {
            return None;
        }
        let next = self.throttles.next(subscription)?;
        match queue.has_ready() {
            true => Some(next),
            false => queue.next_due().map(|due| due.max(next)),
        }
    }

    fn lane(&mut self, subscription: usize, lane: Lane) -> &mut LaneState<T> {
        &mut self.subscriptions[subscription].lanes[lane.index()]
    }

    /// Whether what is set aside may come back when it is due. What backfill cannot run for now
    /// stays in the store, where it costs no memory.
    fn may_return(&self, subscription: usize, lane: Lane) -> bool {
        let known = &self.subscriptions[subscription];
        let queue = &known.lanes[lane.index()].queue;
        let has_room = || queue.held() - queue.waiting() < self.limits.buffer_max;
        known.claimed
            && self.may_try_again(subscription)
            && (lane == Lane::Primary || (self.throttles.allowance(subscription) > 0 && has_room()))
    }

    /// Whether a message that failed may come back: to find out whether an outage is over, those
    /// that have not been tried go first.
    fn may_try_again(&self, subscription: usize) -> bool {
        let breaker = &self.breakers[subscription];
        let lanes = &self.subscriptions[subscription].lanes;
        let has_other = || lanes.iter().any(|lane| lane.queue.has_ready());
        breaker.is_closed() || (breaker.room(self.now) > 0 && !has_other())
    }

    fn claims(&self) -> Vec<bool> {
        self.subscriptions.iter().map(|one| one.claimed).collect()
    }
}

#[cfg(test)]
mod tests;
