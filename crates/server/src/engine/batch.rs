//! One worker's run: some messages of one lane of one subscription, in order, in one session.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use protean_core::domain::Domain;
use protean_core::failure::Reason;
use protean_core::port::broker::{Delivery, Place, Verdict};
use protean_core::port::store::{Commit, Committed, Refused};
use protean_core::unit::Session;
use protean_core::{Failure, Lane};

use super::along::Companion;
use super::attempt::{attempt, handling, settlement};
use super::context::Context;
use super::narrate::Narrator;
use super::outage::Signs;
use super::processor::Bursts;
use super::span::RunSpan;
use super::verdict::{decide, set_aside};
use crate::lane::{Item, Outcome, Run};
use crate::monitor::Meters;

/// How often a message is run again because another writer was faster, before that counts as a
/// failure: a row this contested needs to be left alone for a moment.
const CONFLICTS_MAX: u32 = 16;

/// How long a worker waits before it gives its messages back when the store is away.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// A delivery on its way through the engine.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) delivery: Delivery,
    /// How often another writer was faster.
    pub(super) conflicts: u32,
    /// Whether it is handled alone, since it was written together with others in vain.
    pub(super) alone: bool,
}

/// A run that ended.
pub(super) struct Finished {
    pub(super) subscription: usize,
    pub(super) lane: Lane,
    pub(super) outcomes: Vec<(Item<Work>, Outcome)>,
    /// The subscriptions of which a message went along with its commits, for each message.
    pub(super) along: Vec<usize>,
    pub(super) signs: Signs,
    /// How long backfill rests after it.
    pub(super) rest: Duration,
}

/// A message that is being tried.
pub(super) type Tried = (Item<Work>, RunSpan);

/// A message that was tried, what it wants written and what becomes of it then.
pub(super) struct Step {
    pub(super) item: Item<Work>,
    pub(super) commit: Commit,
    pub(super) outcome: Outcome,
    pub(super) span: RunSpan,
    /// Those that were handled together with it, of which the same becomes.
    pub(super) others: Vec<Tried>,
    /// What it published that may go along with it.
    pub(super) companions: Vec<Companion>,
}

/// A message that is being settled, and what becomes of it when that succeeds.
pub(super) struct Planned {
    pub(super) item: Item<Work>,
    pub(super) outcome: Outcome,
    given_up: bool,
    pub(super) span: RunSpan,
    pub(super) others: Vec<Tried>,
    companions: Vec<Companion>,
}

pub(super) struct Batch<D> {
    pub(super) context: Arc<Context<D>>,
    pub(super) subscription: usize,
    pub(super) lane: Lane,
    /// So many messages are run whether primary ones wait or not.
    owed: usize,
    /// Whether it finds out if the handler works again.
    pub(super) probe: bool,
    pub(super) session: Session,
    /// When it began, by the wall and by the clock that measures.
    pub(super) began: Timestamp,
    started: Instant,
    pub(super) steps: Vec<Step>,
    bursts: Bursts,
    /// Messages that have a step.
    ran: usize,
    pub(super) left: Vec<Item<Work>>,
    /// Keys whose next message must not run in this batch.
    pub(super) stuck: HashSet<u64>,
    /// Keys that have a step in this batch.
    keys: HashSet<u64>,
    pub(super) closed: bool,
    pub(super) along: Vec<usize>,
    pub(super) signs: Signs,
}

/// Runs messages in order and commits what they staged; time and primary traffic may end it early,
/// but one message is always run.
pub(super) async fn run<D: Domain>(context: Arc<Context<D>>, run: Run<Work>) -> Finished {
    let Run {
        subscription,
        lane,
        items,
        owed,
        probe,
    } = run;
    let session = context.app.session(lane);
    let bursts = Bursts::of(&*context.app.tier().broker, lane);
    let mut batch = Batch {
        context,
        subscription,
        lane,
        owed,
        probe,
        session,
        began: Timestamp::now(),
        started: Instant::now(),
        steps: Vec::with_capacity(items.len()),
        bursts,
        ran: 0,
        left: Vec::new(),
        stuck: HashSet::new(),
        keys: HashSet::new(),
        closed: false,
        along: Vec::new(),
        signs: Signs::default(),
    };
    let mut items = items.into_iter();
    loop {
        batch.bursts.breathe();
        let together = batch.together(items.as_slice());
        if together > 1 {
            batch
                .take_together(items.by_ref().take(together).collect())
                .await;
            continue;
        }
        let Some(item) = items.next() else { break };
        batch.take(item).await;
    }
    batch.commit().await
}

impl<D: Domain> Batch<D> {
    pub(super) async fn take(&mut self, item: Item<Work>) {
        if self.closes() || item.key.is_some_and(|key| self.stuck.contains(&key)) {
            return self.left.push(item);
        }
        self.begins(&item, Timestamp::now());
        let delivery = &item.body.delivery;
        let began = Instant::now();
        let run = (&self.session, self.began);
        let span = RunSpan::of(&self.context, self.subscription, delivery);
        let tried = attempt(&self.context, self.subscription, run, (delivery, &span)).await;
        let took = began.elapsed();
        self.meters(&item).took(took);
        self.narrator().ran(delivery, took);
        match tried {
            Ok(mut commit) => {
                let companions = self.take_along(&mut commit).await;
                self.stage((item, span), (commit, companions));
            }
            Err(failure) if matches!(failure.reason(), Reason::Unflushed) => {
                self.flush((item, span))
            }
            Err(failure) => {
                let mut step = self.failed((item, span), &failure);
                // Its failure means nothing when what is before it in its key is not written.
                step.commit.dependent = self.follows(&step.item);
                if let (Some(key), Outcome::Parked { .. }) = (step.item.key, step.outcome) {
                    self.stuck.insert(key);
                }
                self.push(step);
            }
        }
    }

    /// Whether no more is run: its time is over, or what comes has to see what it wrote.
    pub(super) fn closes(&mut self) -> bool {
        self.closed |= !self.steps.is_empty() && self.is_over();
        self.closed
    }

    pub(super) fn push(&mut self, step: Step) {
        self.ran += 1 + step.others.len();
        self.steps.push(step);
    }

    /// Tells those who want to know how long messages wait that a handler has one since then.
    pub(super) fn begins(&self, item: &Item<Work>, since: Timestamp) {
        let delivery = &item.body.delivery;
        let waited = since.duration_since(delivery.message.time);
        let waited = waited.try_into().unwrap_or(Duration::ZERO);
        // A probe leaves no failure behind, but that it set the message aside.
        let is_first = delivery.failures == 0 && delivery.place != Place::Parked;
        if self.lane == Lane::Primary && is_first {
            self.context.app.tier().broker.sojourn(waited);
        }
        match is_first {
            true => self.meters(item).begun(waited),
            false => self.meters(item).begun_again(),
        }
    }

    /// Who tells the log about this batch.
    pub(super) fn narrator(&self) -> Narrator<'_> {
        Narrator {
            subscription: &self.context.subscriptions[self.subscription],
            payloads: self.context.payloads,
        }
    }

    /// What is counted of the lane that a message came on.
    pub(super) fn meters(&self, item: &Item<Work>) -> &Meters {
        self.context.monitor.meters(self.subscription, item.lane)
    }

    fn is_over(&self) -> bool {
        let yields = self.ran >= self.owed && self.context.is_yielding();
        self.lane == Lane::Backfill && (yields || self.started.elapsed() >= self.context.quantum)
    }

    /// Whether an earlier message of its key has a step in this batch; this one has from now on.
    pub(super) fn follows(&mut self, item: &Item<Work>) -> bool {
        item.key.is_some_and(|key| !self.keys.insert(key))
    }

    fn stage(&mut self, (item, span): Tried, (mut commit, companions): (Commit, Vec<Companion>)) {
        self.signs.handled = true;
        // What an earlier message of the key does must not be missing when this one is done.
        commit.dependent |= self.follows(&item);
        self.session.absorb(&commit.writes);
        self.push(Step {
            item,
            commit,
            outcome: Outcome::Done,
            span,
            others: Vec::new(),
            companions,
        });
    }

    /// The message has to see what those before it staged: it opens the next batch.
    fn flush(&mut self, (item, span): Tried) {
        if self.steps.is_empty() {
            let text = "the handler reads a row that it put blindly itself; read it before";
            let step = self.failed((item, span), &Failure::refuse(text));
            return self.push(step);
        }
        self.closed = true;
        self.left.push(item);
    }

    fn failed(&mut self, (item, mut span): Tried, failure: &Failure) -> Step {
        let position = item.body.delivery.position;
        let may_be_an_outage = failure.may_be_an_outage();
        if may_be_an_outage {
            self.signs.outages.push(item.key.unwrap_or(position.0));
        }
        self.narrator().failed(&item.body.delivery, failure);
        self.meters(&item).failed();
        let policy = &self.context.retries[self.subscription];
        let (delivery, now) = (&item.body.delivery, Timestamp::now());
        let (verdict, delay) = match self.probe && may_be_an_outage {
            true => set_aside(policy, delivery, failure, now),
            false => decide(policy, delivery, failure, now),
        };
        span.failed(failure, &verdict);
        let outcome = delay.map_or(Outcome::Done, |delay| Outcome::Parked {
            position: position.0,
            due: self.context.now() + delay,
        });
        let mut handling = handling(&item.body.delivery, self.began);
        handling.dropped = matches!(verdict, Verdict::Done).then(|| failure.to_string());
        let settlement = settlement(
            &self.context,
            self.subscription,
            &item.body.delivery,
            (verdict, handling),
        );
        let commit = Commit {
            settlements: vec![settlement],
            ..Commit::default()
        };
        Step {
            item,
            commit,
            outcome,
            span,
            others: Vec::new(),
            companions: Vec::new(),
        }
    }

    async fn commit(mut self) -> Finished {
        let steps = std::mem::take(&mut self.steps);
        let mut outcomes = Vec::with_capacity(steps.len() + self.left.len());
        let mut again = Vec::new();
        let mut away = false;
        for (mut planned, result) in self.write(steps).await {
            if matches!(result, Ok(Committed::Done { along: true, .. })) {
                self.went_along(std::mem::take(&mut planned.companions));
            }
            if !planned.others.is_empty() {
                away |= self.settle_together(planned, result, &mut outcomes);
                continue;
            }
            match self.outcome_of(planned, result) {
                Next::Settled(item, outcome) => outcomes.push((item, outcome)),
                Next::Failed(step) => again.push(*step),
                Next::Away(item) => {
                    away = true;
                    outcomes.push((item, Outcome::Unrun));
                }
            }
        }
        for (planned, result) in self.write(again).await {
            let settled = matches!(result, Ok(_) | Err(Refused::Settled));
            away |= !settled;
            if result.is_ok() {
                self.count(&planned);
            }
            let Planned {
                item,
                outcome,
                span,
                ..
            } = planned;
            match result {
                Ok(_) => span.end(),
                Err(Refused::Settled) => span.settled_elsewhere(),
                Err(_) => {}
            }
            outcomes.push((item, if settled { outcome } else { Outcome::Unrun }));
        }
        let ran = outcomes.iter().map(|(item, _)| &item.body.delivery);
        self.narrator()
            .batch(self.lane, ran, self.left.len(), self.started.elapsed());
        if away {
            tokio::time::sleep(STORE_PAUSE).await;
        }
        outcomes.extend(self.left.into_iter().map(|item| (item, Outcome::Unrun)));
        Finished {
            subscription: self.subscription,
            lane: self.lane,
            outcomes,
            along: self.along,
            signs: self.signs,
            rest: Duration::ZERO,
        }
    }

    /// Writes the steps in one batch; each with its planned outcome and what the store said.
    async fn write(
        &self,
        steps: Vec<Step>,
    ) -> impl Iterator<Item = (Planned, Result<Committed, Refused>)> + use<D> {
        let mut planned = Vec::with_capacity(steps.len());
        let mut commits = Vec::with_capacity(steps.len());
        let took = self.started.elapsed();
        for Step {
            item,
            mut commit,
            outcome,
            span,
            others,
            companions,
        } in steps
        {
            let mut given_up = false;
            for settlement in &mut commit.settlements {
                given_up |= matches!(settlement.verdict, Verdict::Dead(_));
                if let Some(handling) = settlement.handling.as_mut() {
                    handling.took = took;
                }
            }
            planned.push(Planned {
                item,
                outcome,
                given_up,
                span,
                others,
                companions,
            });
            commits.push(commit);
        }
        let results = match commits.is_empty() {
            true => Vec::new(),
            false => {
                self.context
                    .app
                    .tier()
                    .store
                    .commit(self.lane, commits)
                    .await
            }
        };
        planned.into_iter().zip(results)
    }

    /// Counts a message that is settled.
    fn count(&self, planned: &Planned) {
        let meters = self.meters(&planned.item);
        match (planned.outcome, planned.given_up) {
            (_, true) => meters.dead(),
            (Outcome::Done, false) => meters.handled(),
            (Outcome::Parked { .. } | Outcome::Unrun, false) => {}
        }
    }

    fn outcome_of(&mut self, planned: Planned, result: Result<Committed, Refused>) -> Next {
        if result.is_ok() {
            self.count(&planned);
        }
        let Planned {
            mut item,
            outcome,
            span,
            ..
        } = planned;
        let failure = match result {
            Ok(_) => {
                span.end();
                return Next::Settled(item, outcome);
            }
            Err(Refused::Settled) => {
                self.narrator().handled_elsewhere(&item.body.delivery);
                span.settled_elsewhere();
                return Next::Settled(item, Outcome::Done);
            }
            Err(Refused::Dependent) => return Next::Settled(item, Outcome::Unrun),
            Err(Refused::Conflict { .. }) if item.body.conflicts < CONFLICTS_MAX => {
                item.body.conflicts += 1;
                return Next::Settled(item, Outcome::Unrun);
            }
            Err(Refused::Conflict { table, id }) => Reason::Conflict { table, id }.into(),
            Err(Refused::Exists { table, what }) => Reason::Exists { table, what }.into(),
            Err(Refused::Store(error)) if error.is_transient() => {
                self.narrator().store_is_away(&item.body.delivery, &error);
                return Next::Away(item);
            }
            Err(refused) => Failure::transient(refused.to_string()),
        };
        // A message that the store refused has failed, like one that its handler refused.
        Next::Failed(Box::new(self.failed((item, span), &failure)))
    }
}

/// What a step's result leads to.
enum Next {
    Settled(Item<Work>, Outcome),
    Failed(Box<Step>),
    Away(Item<Work>),
}
