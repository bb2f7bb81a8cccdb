//! One worker's run, as the engine has it: some messages in order, then their commits.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_server::lane::{Item, Outcome, Run};

use super::Process;
use crate::invariants::{l2_preemption, l10_poison};
use crate::message::{Delivery, Draft, Logged, Trouble};
use crate::plan::QUANTUM;
use crate::planted::Planted;
use crate::store::{Along, Commit, Part, Refused, Verdict};
use crate::watch::Busy;
use crate::world::Away;

/// How often a message is run again because another writer was faster.
const CONFLICTS_MAX: u32 = 16;

/// How long a worker waits when the store is away.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// How long a commit is tried again while the database is away.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A delivery on its way through the engine.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) delivery: Delivery,
    /// How often another writer was faster.
    pub(super) conflicts: u32,
}

/// A run that ended.
pub(crate) struct Finished {
    pub(super) subscription: usize,
    pub(super) lane: Lane,
    pub(super) outcomes: Vec<(Item<Work>, Outcome)>,
}

struct Step {
    item: Item<Work>,
    commit: Commit,
    outcome: Outcome,
}

struct Batch {
    process: Rc<Process>,
    subscription: usize,
    lane: Lane,
    started: Duration,
    steps: Vec<Step>,
    left: Vec<Item<Work>>,
    stuck: HashSet<u64>,
    keys: HashSet<u64>,
    closed: bool,
}

/// Runs messages in order and commits what they staged.
pub(super) async fn run(process: Rc<Process>, run: Run<Work>) -> Finished {
    let mut batch = Batch {
        started: process.world.now(),
        process,
        subscription: run.subscription,
        lane: run.lane,
        steps: Vec::new(),
        left: Vec::new(),
        stuck: HashSet::new(),
        keys: HashSet::new(),
        closed: false,
    };
    for item in run.items {
        batch.take(item).await;
    }
    batch.commit().await
}

impl Batch {
    async fn take(&mut self, item: Item<Work>) {
        self.closed |= !self.steps.is_empty() && self.is_over();
        if self.closed || item.key.is_some_and(|key| self.stuck.contains(&key)) {
            return self.left.push(item);
        }
        if !self.steps.is_empty() && self.lane == Lane::Backfill {
            let elapsed = self.process.world.now() - self.started;
            let yielding = self.process.yielding.get();
            l2_preemption::check_batch(&self.process.world.watch, elapsed, yielding);
        }
        let delivery = item.body.delivery;
        self.begin(&delivery.logged);
        let handled = self.attempt(&delivery).await;
        self.end(&delivery.logged);
        if handled {
            return self.stage(item).await;
        }
        let failed_at = self.process.world.now();
        let mut step = self.failed(item);
        step.commit.dependent = self.follows(&step.item);
        if let (Some(key), Outcome::Parked { due, .. }) = (step.item.key, step.outcome) {
            self.stuck.insert(key);
            if self.process.world.is_planted(Planted::RetryInHand) {
                let pause = due.saturating_sub(failed_at);
                self.process.world.clock.sleep(pause).await;
            }
        }
        self.steps.push(step);
        l10_poison::check_free(
            &self.process.world.watch,
            failed_at,
            self.process.world.now(),
        );
        if self.process.world.is_planted(Planted::FailureFailsItsBatch) {
            self.fail_all();
        }
    }

    fn begin(&self, logged: &Logged) {
        let Some(key) = logged.draft.key else { return };
        self.process.world.watch.busy.borrow_mut().push(Busy {
            owner: self.process.owner,
            subscription: self.subscription,
            queue: logged.queue,
            key,
            id: logged.id,
        });
    }

    fn end(&self, logged: &Logged) {
        let (owner, subscription) = (self.process.owner, self.subscription);
        let ended =
            |one: &Busy| (one.owner, one.subscription, one.id) == (owner, subscription, logged.id);
        self.process
            .world
            .watch
            .busy
            .borrow_mut()
            .retain(|one| !ended(one));
    }

    fn is_over(&self) -> bool {
        if self.process.world.is_planted(Planted::BatchWithoutEnd) {
            return false;
        }
        let elapsed = self.process.world.now() - self.started;
        self.lane == Lane::Backfill && (elapsed >= QUANTUM || self.process.yielding.get())
    }

    /// Runs the handler; whether it succeeds.
    async fn attempt(&self, delivery: &Delivery) -> bool {
        let world = &self.process.world;
        let slow = world.goes_wrong(world.plan.troubles.slow);
        let most = match slow {
            true => world.plan.troubles.slow_for,
            false => world.plan.handler_max,
        };
        world
            .clock
            .sleep(world.random.stretch(most / 10, most))
            .await;
        match delivery.logged.draft.trouble {
            Trouble::None => true,
            Trouble::Fails(times) => delivery.failures >= times,
            Trouble::Poison | Trouble::Undecodable => false,
        }
    }

    /// Whether an earlier message of its key has a step in this batch; this one has from now on.
    fn follows(&mut self, item: &Item<Work>) -> bool {
        let follows = item.key.is_some_and(|key| !self.keys.insert(key));
        follows && !self.process.world.is_planted(Planted::KeysApartInBatch)
    }

    async fn stage(&mut self, item: Item<Work>) {
        let logged = item.body.delivery.logged;
        let dependent = self.follows(&item);
        let mut drafts = Vec::new();
        if logged.draft.leads_on {
            drafts.push(Draft {
                stream: self.process.world.plan.streams - 1,
                trouble: Trouble::None,
                leads_on: false,
                cause: Some((self.subscription, logged.id)),
                ..logged.draft
            });
        }
        let along = self.take_along(&drafts).await;
        let commit = Commit {
            subscription: self.subscription,
            delivery: item.body.delivery,
            verdict: Verdict::Done,
            drafts,
            dependent,
            contested: false,
            along,
        };
        self.steps.push(Step {
            item,
            commit,
            outcome: Outcome::Done,
        });
    }

    /// Has subscriptions that are up to date, as far as the process knows, do their work on what a
    /// commit is about to write.
    async fn take_along(&self, drafts: &[Draft]) -> Vec<Along> {
        let (Lane::Primary, Some(draft)) = (self.lane, drafts.first()) else {
            return Vec::new();
        };
        let (process, world) = (&self.process, &self.process.world);
        let queue = world.store.borrow().known_queue(draft);
        let known = |subscription| {
            let known = process.known.borrow();
            let since = *known.get(&(subscription, queue?))?;
            let at_rest = process.at_rest.borrow().contains(&subscription);
            (at_rest && subscription != self.subscription).then_some(Along {
                subscription,
                since,
                began: world.now(),
                contested: world.goes_wrong(world.plan.troubles.conflicts),
            })
        };
        let along: Vec<Along> = world.plan.readers(draft.stream).filter_map(known).collect();
        if !along.is_empty() {
            let most = world.plan.handler_max;
            world
                .clock
                .sleep(world.random.stretch(most / 10, most))
                .await;
        }
        along
    }

    fn failed(&self, item: Item<Work>) -> Step {
        let world = &self.process.world;
        let delivery = item.body.delivery;
        let failures = delivery.failures + 1;
        let permanent = delivery.logged.draft.trouble == Trouble::Undecodable;
        let over = permanent || failures >= world.plan.retry.max_attempts;
        let due = world.now() + world.plan.retry.delay(failures, world.random.fraction());
        let (verdict, outcome) = match over {
            true => (Verdict::Dead, Outcome::Done),
            false => {
                let parked = Verdict::Park {
                    due,
                    failures,
                    owner: None,
                };
                let position = delivery.logged.id as u64;
                (parked, Outcome::Parked { position, due })
            }
        };
        Step {
            item,
            commit: Commit {
                subscription: self.subscription,
                delivery,
                verdict,
                drafts: Vec::new(),
                dependent: false,
                contested: false,
                along: Vec::new(),
            },
            outcome,
        }
    }

    /// The planted bug: what failed takes those with it that were staged before.
    fn fail_all(&mut self) {
        let steps = std::mem::take(&mut self.steps);
        let failed = steps.into_iter().map(|step| self.failed(step.item));
        self.steps = failed.collect();
    }

    async fn commit(mut self) -> Finished {
        let steps = std::mem::take(&mut self.steps);
        let mut outcomes = Vec::new();
        let mut again = Vec::new();
        let mut away = false;
        for (mut step, result) in self.write(steps).await {
            match result {
                Ok(()) => outcomes.push((step.item, step.outcome)),
                Err(Refused::Settled) => {
                    let id = step.item.body.delivery.logged.id;
                    let watch = &self.process.world.watch;
                    watch.refuse(self.subscription, id);
                    outcomes.push((step.item, Outcome::Done));
                }
                Err(Refused::Dependent) => outcomes.push((step.item, Outcome::Unrun)),
                Err(Refused::Conflict) if step.item.body.conflicts < CONFLICTS_MAX => {
                    step.item.body.conflicts += 1;
                    outcomes.push((step.item, Outcome::Unrun));
                }
                Err(Refused::Conflict) => again.push(self.failed(step.item)),
                Err(Refused::Away) => {
                    away = true;
                    outcomes.push((step.item, Outcome::Unrun));
                }
            }
        }
        for (step, result) in self.write(again).await {
            let settled = matches!(result, Ok(()) | Err(Refused::Settled));
            away |= !settled;
            outcomes.push((
                step.item,
                if settled {
                    step.outcome
                } else {
                    Outcome::Unrun
                },
            ));
        }
        if away {
            self.process.world.clock.sleep(STORE_PAUSE).await;
        }
        outcomes.extend(self.left.into_iter().map(|item| (item, Outcome::Unrun)));
        Finished {
            subscription: self.subscription,
            lane: self.lane,
            outcomes,
        }
    }

    /// Writes the steps; each with what the store said.
    async fn write(&self, mut steps: Vec<Step>) -> Vec<(Step, Result<(), Refused>)> {
        let mut results = vec![None; steps.len()];
        let most = self.process.world.plan.commits_max;
        for first in (0..steps.len()).step_by(most) {
            let last = (first + most).min(steps.len());
            self.write_range(&mut steps, first..last, &mut results)
                .await;
        }
        let results = results
            .into_iter()
            .map(|one| one.unwrap_or(Err(Refused::Away)));
        steps.into_iter().zip(results).collect()
    }

    /// Writes a range, transaction by transaction, until each commit has its result.
    async fn write_range(
        &self,
        steps: &mut [Step],
        range: std::ops::Range<usize>,
        results: &mut [Option<Result<(), Refused>>],
    ) {
        let world = &self.process.world;
        let deadline = world.now() + PATIENCE;
        let mut pause = PAUSE;
        loop {
            let mut live = Vec::new();
            for nth in range.clone() {
                let refused = results.iter().any(|one| matches!(one, Some(Err(_))));
                if results[nth].is_none() && steps[nth].commit.dependent && refused {
                    results[nth] = Some(Err(Refused::Dependent));
                } else if results[nth].is_none() {
                    live.push(nth);
                }
            }
            if live.is_empty() {
                return;
            }
            let commits: Vec<Commit> = live.iter().map(|nth| self.ready(&steps[*nth])).collect();
            match self.transact(commits).await {
                Ok(Ok(())) => live.iter().for_each(|nth| results[*nth] = Some(Ok(()))),
                Ok(Err(refused)) => {
                    for (nth, why) in refused {
                        results[live[nth]] = Some(Err(why));
                    }
                }
                Err(Away) if world.now() < deadline => {
                    world.clock.sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(Away) => {
                    for nth in live {
                        results[nth] = Some(Err(Refused::Away));
                    }
                }
            }
        }
    }

    /// A step's commit, as it is written now: what is set aside is its consumer's.
    fn ready(&self, step: &Step) -> Commit {
        let world = &self.process.world;
        let mut commit = step.commit.clone();
        if let Verdict::Park { owner, .. } = &mut commit.verdict {
            *owner = self.process.consumer(self.subscription);
        }
        let writes = commit.verdict == Verdict::Done;
        commit.contested = writes && world.goes_wrong(world.plan.troubles.conflicts);
        commit
    }

    async fn transact(
        &self,
        commits: Vec<Commit>,
    ) -> Result<Result<(), Vec<(usize, Refused)>>, Away> {
        let world = &self.process.world;
        let published: Vec<_> = commits
            .iter()
            .flat_map(|one| &one.drafts)
            .map(|draft| (draft.stream, draft.lane))
            .collect();
        world.watch.note(|| {
            let ids: Vec<_> = commits.iter().map(|one| one.delivery.logged.id).collect();
            let (owner, of) = (self.process.owner, self.subscription);
            format!("process {owner} commits {ids:?} of subscription {of}")
        });
        let parts: &[Part] = match world.planted {
            Some(Planted::SettledBeforeEffect) => &[Part::Settlement, Part::Effect],
            Some(Planted::EffectBeforeSettled) => &[Part::Effect, Part::Settlement],
            _ => &[Part::All],
        };
        for part in parts {
            let mut moved = Vec::new();
            let written = world
                .transact(|store| {
                    let written = store.transact(world.now(), &commits, *part);
                    moved = store.moved(&commits);
                    written
                })
                .await?;
            let mut known = self.process.known.borrow_mut();
            for (key, upto) in moved {
                match upto {
                    Some(upto) => drop(known.insert(key, upto)),
                    None => drop(known.remove(&key)),
                }
            }
            drop(known);
            if written.is_err() {
                return Ok(written);
            }
        }
        if !published.is_empty() {
            world.ring(self.process.owner, &published);
        }
        Ok(Ok(()))
    }
}
