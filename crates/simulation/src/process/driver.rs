//! The scheduler, the account that is kept of it, and the place where planted bugs distort what it
//! is told and what it says.

use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::lane::Band;
use protean_server::lane::{Action, Item, Outcome, Scheduler};

use super::batch::Work;
use super::engine::hash;
use crate::clock::Owner;
use crate::ledger::Ledger;
use crate::message::MessageId;
use crate::planted::Planted;
use crate::world::World;

type Outcomes = Vec<(Item<Work>, Outcome)>;

/// The scheduler of one process.
pub(super) struct Driver {
    world: Rc<World>,
    /// One; a planted bug has one for each subscription.
    schedulers: Vec<Scheduler<Work>>,
    ledger: Ledger,
    /// What a planted bug has not told yet.
    untold: Vec<(usize, Lane, Outcomes)>,
}

impl Driver {
    pub(super) fn new(world: &Rc<World>, owner: Owner) -> Self {
        let count = world.plan.subscriptions;
        let schedulers = match world.planted {
            Some(Planted::SchedulerForEach) => count,
            _ => 1,
        };
        let mut limits = world.plan.limits;
        match world.planted {
            Some(Planted::ShareForgotten) => limits.min_share = 0.0,
            Some(Planted::ShareDoubled) => limits.min_share *= 2.0,
            _ => {}
        }
        Self {
            world: world.clone(),
            schedulers: (0..schedulers)
                .map(|_| Scheduler::new(count, limits))
                .collect(),
            ledger: Ledger::new(world, owner),
            untold: Vec::new(),
        }
    }

    fn of(&mut self, subscription: usize) -> &mut Scheduler<Work> {
        let nth = subscription % self.schedulers.len();
        &mut self.schedulers[nth]
    }

    fn is_planted(&self, bug: Planted) -> bool {
        self.world.is_planted(bug)
    }

    pub(super) fn claimed(&mut self, subscription: usize) {
        self.ledger.claimed(subscription);
        self.of(subscription).claimed(subscription);
    }

    pub(super) fn parked(&mut self, subscription: usize, id: MessageId, due: Duration) {
        let logged = self.world.store.borrow().message(id);
        self.ledger.parked(subscription, &logged);
        let key = logged.draft.key.map(hash);
        if self.is_planted(Planted::ParkedForgotten) {
            return;
        }
        self.of(subscription)
            .parked(subscription, logged.draft.lane, id as u64, key, due);
    }

    pub(super) fn published(&mut self, subscription: usize, lane: Lane) {
        self.ledger.published(subscription, lane);
        if lane == Lane::Backfill || !self.is_planted(Planted::PrimaryUnseen) {
            self.of(subscription).published(subscription, lane);
        }
    }

    pub(super) fn fetched(
        &mut self,
        subscription: usize,
        lane: Lane,
        mut items: Vec<Item<Work>>,
        more: bool,
    ) {
        self.ledger.fetched(subscription, lane, &items, more);
        if self.is_planted(Planted::BandsIgnored) {
            items.iter_mut().for_each(|item| item.band = Band::ALL[0]);
        }
        self.of(subscription)
            .fetched(subscription, lane, items, more);
    }

    pub(super) fn fetched_parked(
        &mut self,
        subscription: usize,
        lane: Lane,
        id: MessageId,
        key: Option<u64>,
        item: Option<Item<Work>>,
    ) {
        self.ledger
            .fetched_parked(subscription, lane, id, item.as_ref());
        let key = key.filter(|_| !self.is_planted(Planted::UnparkLosesKey));
        self.of(subscription)
            .fetched_parked(subscription, (lane, id as u64), key, item);
    }

    pub(super) fn finished(&mut self, subscription: usize, lane: Lane, mut outcomes: Outcomes) {
        self.ledger.finished(subscription, lane, &outcomes);
        let busy = |lane| self.ledger.runs(lane) > 0;
        let withheld = match self.world.planted {
            Some(Planted::PrimaryWaitsForBackfill) => lane == Lane::Primary && busy(Lane::Backfill),
            Some(Planted::BackfillSlotsLeak) => lane == Lane::Backfill && busy(Lane::Primary),
            _ => false,
        };
        if self.is_planted(Planted::KeyFreedByFailure) {
            let parked = |one: &&mut (Item<Work>, Outcome)| matches!(one.1, Outcome::Parked { .. });
            outcomes
                .iter_mut()
                .filter(parked)
                .for_each(|one| one.1 = Outcome::Done);
        }
        self.untold.push((subscription, lane, outcomes));
        if withheld {
            return;
        }
        for (subscription, lane, outcomes) in std::mem::take(&mut self.untold) {
            self.of(subscription).finished(subscription, lane, outcomes);
        }
    }

    pub(super) fn stop(&mut self) {
        self.schedulers.iter_mut().for_each(Scheduler::stop);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.schedulers.iter().all(Scheduler::is_idle)
    }

    pub(super) fn is_at_rest(&self, subscription: usize) -> bool {
        let nth = subscription % self.schedulers.len();
        self.schedulers[nth].is_at_rest(subscription)
    }

    pub(super) fn primary_waits(&self) -> bool {
        self.schedulers.iter().any(Scheduler::primary_waits)
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.schedulers.iter().filter_map(Scheduler::wake_at).min()
    }

    pub(super) fn poll(&mut self, now: Duration) -> Option<Action<Work>> {
        let action = self.schedulers.iter_mut().find_map(|one| one.poll(now))?;
        match &action {
            Action::Run(run) => self.ledger.started(run),
            Action::Fetch {
                subscription, lane, ..
            } => self.ledger.looked(*subscription, *lane),
            Action::FetchParked { .. } => {}
        }
        Some(action)
    }

    /// Nothing is left to do until something happens: whatever could run does.
    pub(super) fn check_idle(&self) {
        self.ledger.check_idle();
    }
}
