//! An account of what one process has been handed, kept beside its scheduler and without its help:
//! what it could run now, by the promises alone.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use protean_core::Lane;
use protean_core::lane::Band;
use protean_server::lane::{Item, Outcome, Run};

use crate::clock::Owner;
use crate::invariants::{
    l1_primary_first, l2_preemption, l3_across, l5_work_conserving, l6_liveness, l7_bands,
    l8_order, l10_poison,
};
use crate::message::{Logged, MessageId};
use crate::process::Work;
use crate::world::World;

/// The most messages backfill can be owed.
const CREDIT_MAX: f64 = 64.0;

/// A message in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) id: MessageId,
    pub(crate) key: Option<&'static str>,
    pub(crate) band: Band,
    pub(crate) running: bool,
    /// It is its key's next, whatever else of the key is set aside: it was ready before, or was set
    /// aside itself.
    returned: bool,
}

/// One lane of a subscription.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// It may hold messages that nobody has looked for.
    news: bool,
    /// Somebody is looking.
    looking: bool,
    pub(crate) memory: Vec<Held>,
    pub(crate) parked: BTreeMap<MessageId, Option<&'static str>>,
    /// Whether any message was set aside in this life.
    pub(crate) has_failed: bool,
}

impl Account {
    /// Those that lack nothing but a slot.
    pub(crate) fn runnable(&self) -> impl Iterator<Item = &Held> {
        self.runnable_places().map(|at| &self.memory[at])
    }

    /// Where those are. A message may be there twice, so that its number does not tell which it is.
    fn runnable_places(&self) -> impl Iterator<Item = usize> {
        let running = self.memory.iter().filter(|one| one.running);
        let mut taken: HashSet<&str> = running.filter_map(|one| one.key).collect();
        let parked: HashSet<&str> = self.parked.values().filter_map(|key| *key).collect();
        let runnable = self.memory.iter().enumerate().filter(move |(_, one)| {
            let Some(key) = one.key.filter(|_| !one.running) else {
                return !one.running;
            };
            taken.insert(key) && (one.returned || !parked.contains(key))
        });
        runnable.map(|(at, _)| at)
    }

    /// Whether a message has to wait for one of its key that is set aside.
    pub(crate) fn is_held_back(&self, one: &Held) -> bool {
        let parked = one.key.is_some() && self.parked.values().any(|key| *key == one.key);
        parked && !one.returned
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.runnable().next().is_some()
    }

    /// Whether there may be messages that were not fetched.
    pub(crate) const fn may_hold_news(&self) -> bool {
        self.news || self.looking
    }

    fn arrive(&mut self, one: Held) {
        self.memory.push(one);
    }

    /// One comes back that was set aside.
    fn come_back(&mut self, mut one: Held) {
        let runnable: HashSet<usize> = self.runnable_places().collect();
        let goes_first =
            |(at, other): &(usize, &Held)| other.running || other.returned || runnable.contains(at);
        let all = self.memory.iter().enumerate();
        let mut beside = all.filter(|(_, other)| other.key == one.key);
        one.returned = one.key.is_some() && !beside.clone().any(|other| goes_first(&other));
        let behind = beside.find(|other| !goes_first(other));
        let at = behind.map_or(self.memory.len(), |(at, _)| at);
        self.memory.insert(at, one);
    }
}

/// The account of a process.
pub(crate) struct Ledger {
    pub(crate) world: Rc<World>,
    pub(crate) owner: Owner,
    claimed: Vec<bool>,
    accounts: Vec<[Account; 2]>,
    runs: [usize; 2],
    credit: f64,
    /// Backfill messages that were started and have not ended.
    under_way: usize,
}

impl Ledger {
    pub(crate) fn new(world: &Rc<World>, owner: Owner) -> Self {
        let account = || Account {
            news: true,
            ..Account::default()
        };
        let count = world.plan.subscriptions;
        Self {
            world: world.clone(),
            owner,
            claimed: vec![false; count],
            accounts: (0..count).map(|_| [account(), account()]).collect(),
            runs: [0; 2],
            credit: 0.0,
            under_way: 0,
        }
    }

    pub(crate) fn account(&self, subscription: usize, lane: Lane) -> &Account {
        &self.accounts[subscription][lane.index()]
    }

    fn account_mut(&mut self, subscription: usize, lane: Lane) -> &mut Account {
        &mut self.accounts[subscription][lane.index()]
    }

    /// The subscriptions that are claimed.
    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = usize> {
        (0..self.accounts.len()).filter(|nth| self.claimed[*nth])
    }

    /// So many runs of a lane go on.
    pub(crate) const fn runs(&self, lane: Lane) -> usize {
        self.runs[lane.index()]
    }

    pub(crate) fn has_free_slot(&self, lane: Lane) -> bool {
        self.runs(lane) < self.world.plan.slots(lane)
    }

    /// How many messages backfill is owed.
    pub(crate) fn owed(&self) -> usize {
        let whole = (1..).take_while(|nth| count(*nth) <= self.credit).count();
        whole.saturating_sub(self.under_way)
    }

    pub(crate) fn claimed(&mut self, subscription: usize) {
        self.claimed[subscription] = true;
    }

    pub(crate) fn published(&mut self, subscription: usize, lane: Lane) {
        self.account_mut(subscription, lane).news = true;
    }

    /// Somebody looks for messages.
    pub(crate) fn looked(&mut self, subscription: usize, lane: Lane) {
        let account = self.account_mut(subscription, lane);
        account.news = false;
        account.looking = true;
    }

    pub(crate) fn fetched(
        &mut self,
        subscription: usize,
        lane: Lane,
        items: &[Item<Work>],
        more: bool,
    ) {
        let account = self.account_mut(subscription, lane);
        account.looking = false;
        account.news |= more;
        items.iter().for_each(|item| account.arrive(held(item)));
    }

    pub(crate) fn parked(&mut self, subscription: usize, one: &Logged) {
        self.world.watch.note(|| {
            let (owner, id) = (self.owner, one.id);
            format!("process {owner} learns that {id} of {subscription} is set aside")
        });
        let account = self.account_mut(subscription, one.draft.lane);
        // What was ready before stays ready.
        let ready: Vec<usize> = account.runnable_places().collect();
        for at in ready {
            account.memory[at].returned = account.memory[at].key.is_some();
        }
        account.parked.insert(one.id, one.draft.key);
        account.has_failed = true;
    }

    pub(crate) fn fetched_parked(
        &mut self,
        subscription: usize,
        lane: Lane,
        id: MessageId,
        item: Option<&Item<Work>>,
    ) {
        self.world.watch.note(|| {
            let (owner, found) = (self.owner, item.is_some());
            format!("process {owner} has {id} of {subscription} back: {found}")
        });
        let account = self.account_mut(subscription, lane);
        if let Some(item) = item {
            account.come_back(held(item));
        }
        account.parked.remove(&id);
    }

    /// The scheduler starts a run.
    pub(crate) fn started(&mut self, run: &Run<Work>) {
        self.world.watch.note(|| {
            let ids: Vec<_> = run
                .items
                .iter()
                .map(|one| one.body.delivery.logged.id)
                .collect();
            let (owner, of, lane) = (self.owner, run.subscription, run.lane);
            format!("process {owner} runs {ids:?} of {of} {lane}")
        });
        l1_primary_first::check_start(self, run);
        l2_preemption::check_start(self, run);
        l3_across::check_start(self, run);
        l6_liveness::check_start(self, run);
        l7_bands::check_start(self, run);
        l8_order::check_start(self, run);
        self.runs[run.lane.index()] += 1;
        if run.lane == Lane::Backfill {
            self.under_way += run.items.len();
        }
        for item in &run.items {
            let id = item.body.delivery.logged.id;
            let account = self.account_mut(run.subscription, run.lane);
            let started = account
                .memory
                .iter_mut()
                .find(|one| one.id == id && !one.running);
            if let Some(one) = started {
                one.running = true;
            }
        }
    }

    pub(crate) fn finished(
        &mut self,
        subscription: usize,
        lane: Lane,
        outcomes: &[(Item<Work>, Outcome)],
    ) {
        self.world.watch.note(|| {
            let outcome = |one: &(Item<Work>, Outcome)| (one.0.body.delivery.logged.id, one.1);
            let all: Vec<_> = outcomes.iter().map(outcome).collect();
            format!("process {} has done {all:?} of {subscription}", self.owner)
        });
        self.runs[lane.index()] -= 1;
        let mut handled = 0;
        let account = self.account_mut(subscription, lane);
        for (item, outcome) in outcomes {
            let one = held(item);
            let at = account
                .memory
                .iter()
                .position(|held| held.id == one.id && held.running);
            match (outcome, at) {
                (Outcome::Unrun, Some(at)) => {
                    account.memory[at].running = false;
                    account.memory[at].returned = false;
                    continue;
                }
                (_, Some(at)) => drop(account.memory.remove(at)),
                (_, None) => {}
            }
            handled += 1;
            if matches!(outcome, Outcome::Parked { .. }) {
                account.parked.insert(one.id, one.key);
                account.has_failed = true;
            }
        }
        let share = self.world.plan.limits.min_share;
        self.credit = match lane {
            Lane::Primary => (self.credit + share / (1.0 - share) * count(handled)).min(CREDIT_MAX),
            Lane::Backfill => {
                self.under_way -= outcomes.len();
                (self.credit - count(handled)).max(0.0)
            }
        };
    }

    /// The scheduler has nothing to do.
    pub(crate) fn check_idle(&self) {
        l10_poison::check_idle(self);
        l2_preemption::check_idle(self);
        l5_work_conserving::check_idle(self);
        l6_liveness::check_idle(self);
    }
}

fn held(item: &Item<Work>) -> Held {
    let logged = item.body.delivery.logged;
    Held {
        id: logged.id,
        key: logged.draft.key,
        band: logged.draft.band,
        running: false,
        returned: false,
    }
}

fn count(of: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a run has few messages")]
    let count = of as f64;
    count
}
