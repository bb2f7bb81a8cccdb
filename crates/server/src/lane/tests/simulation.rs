//! The scheduler against a model of the world, under random schedules.
//!
//! The model knows nothing of the scheduler's state: it keeps its own account of what was
//! published, fetched, run, set aside and settled, and checks each promise at every action.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::lane::Band;
use protean_core::throttle::Throttle;

use super::steps::{Step, steps};
use crate::lane::{Action, Item, Limits, Outcome, Run, Scheduler, Shared};

pub(super) const SUBSCRIPTIONS: usize = 2;

const LIMITS: Limits = Limits {
    primary_slots: 2,
    backfill_slots: 2,
    batch_max: 4,
    buffer_max: 6,
    min_share: 0.0,
    order: CrossLaneOrder::None,
};

type Place = (usize, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unfetched,
    Waiting,
    Running,
    Parked,
    Settled,
}

#[derive(Clone, Debug)]
struct Message {
    place: Place,
    band: usize,
    key: Option<u64>,
    state: State,
}

#[derive(Default)]
struct World {
    order: CrossLaneOrder,
    messages: Vec<Message>,
    unfetched: BTreeMap<Place, [VecDeque<usize>; Band::COUNT]>,
    questions: Vec<Action<usize>>,
    running: Vec<Run<usize>>,
    now: Duration,
    paused: [bool; SUBSCRIPTIONS],
}

fn lane_of(place: Place) -> Lane {
    Lane::ALL[place.1]
}

impl World {
    fn item(&self, id: usize) -> Item<usize> {
        let message = &self.messages[id];
        Item {
            key: message.key,
            lane: lane_of(message.place),
            position: id as u64,
            band: Band::ALL[message.band],
            body: id,
        }
    }

    /// Whether nothing but a free slot is missing for this message to run.
    fn is_runnable(&self, id: usize) -> bool {
        let message = &self.messages[id];
        let runs =
            |other: &Message| other.state == State::Running && self.share_an_order(message, other);
        message.state == State::Waiting
            && message
                .key
                .is_none_or(|_| self.first_of_key(id) == Some(id))
            && !self.messages.iter().any(runs)
    }

    /// The first message of the same key that has arrived and is not settled.
    fn first_of_key(&self, id: usize) -> Option<usize> {
        let of = &self.messages[id];
        self.messages.iter().position(|other| {
            self.share_an_order(of, other)
                && !matches!(other.state, State::Unfetched | State::Settled)
        })
    }

    /// Whether messages have one key, and its order is theirs.
    fn share_an_order(&self, one: &Message, other: &Message) -> bool {
        let together = match self.order {
            CrossLaneOrder::None => one.place == other.place,
            CrossLaneOrder::PerKey => one.place.0 == other.place.0,
        };
        together && one.key.is_some() && one.key == other.key
    }

    /// The primary messages that promote this one: those of its key that were published after it
    /// and have arrived.
    fn promoters(&self, id: usize) -> impl Iterator<Item = &Message> {
        let of = &self.messages[id];
        let promotes = move |other: &&Message| {
            self.order == CrossLaneOrder::PerKey
                && lane_of(of.place) == Lane::Backfill
                && lane_of(other.place) == Lane::Primary
                && self.share_an_order(of, other)
                && !matches!(other.state, State::Unfetched | State::Settled)
        };
        self.messages[id + 1..].iter().filter(promotes)
    }

    /// The lane that a message has to run on, and the rank it has there.
    fn way_of(&self, id: usize) -> (Lane, usize) {
        let message = &self.messages[id];
        match self.promoters(id).map(|other| other.band).min() {
            Some(band) => (Lane::Primary, band.min(message.band)),
            None => (lane_of(message.place), message.band),
        }
    }

    fn runnable(&self, lane: Lane) -> Vec<usize> {
        let of_lane = |id: &usize| self.way_of(*id).0 == lane;
        (0..self.messages.len())
            .filter(of_lane)
            .filter(|id| self.is_runnable(*id))
            .collect()
    }

    fn slots_used(&self, lane: Lane) -> usize {
        self.running.iter().filter(|run| run.lane == lane).count()
    }

    fn poll(&mut self, scheduler: &mut Scheduler<usize>) {
        while let Some(action) = scheduler.poll(self.now) {
            match action {
                Action::Run(run) => self.check_start(run),
                question => {
                    self.check_question(&question);
                    self.questions.push(question);
                }
            }
        }
        self.check_work_conserving();
    }

    /// Of a paused lane nothing is asked for.
    fn check_question(&self, question: &Action<usize>) {
        if let Action::Fetch {
            subscription,
            lane: Lane::Backfill,
            ..
        }
        | Action::FetchParked {
            subscription,
            lane: Lane::Backfill,
            ..
        } = question
        {
            assert!(!self.paused[*subscription], "{question:?} of a paused lane");
        }
    }

    fn check_start(&mut self, run: Run<usize>) {
        assert!(
            run.lane == Lane::Primary || !self.paused[run.subscription],
            "a paused lane starts {run:?}"
        );
        let slots = [LIMITS.primary_slots, LIMITS.backfill_slots];
        assert!(
            self.slots_used(run.lane) < slots[run.lane.index()],
            "a slot too many"
        );
        let waiting = self.runnable(Lane::Primary);
        if run.lane == Lane::Backfill {
            assert!(
                waiting.is_empty(),
                "L1, L3: backfill started before primary {waiting:?}"
            );
            assert!(run.items.len() <= LIMITS.batch_max);
        } else {
            assert_eq!(run.items.len(), 1);
        }
        // Another subscription's backfill may be more urgent and still wait for its own primary.
        let beside = |id: &usize| {
            run.lane == Lane::Primary || self.messages[*id].place.0 == run.subscription
        };
        let runnable = self.runnable(run.lane).into_iter().filter(beside);
        let urgent = runnable.map(|id| self.way_of(id).1).min();
        let first = run.items[0].body;
        assert_eq!(
            Some(self.way_of(first).1),
            urgent,
            "L7: a more urgent one waits"
        );
        for item in &run.items {
            let id = item.body;
            assert_eq!(
                self.messages[id].state,
                State::Waiting,
                "L9: {id} runs twice"
            );
            assert_eq!(
                self.way_of(id).0,
                run.lane,
                "L8: {id} is promoted without need, or is not and a primary message waits"
            );
            if let Some(key) = item.key {
                self.check_key_order(&run, id, key);
            }
            self.messages[id].state = State::Running;
        }
        self.running.push(run);
    }

    /// Everything of the key before this message is settled, or earlier in the same run.
    fn check_key_order(&self, run: &Run<usize>, id: usize, key: u64) {
        let of = &self.messages[id];
        let before = self.messages[..id]
            .iter()
            .enumerate()
            .filter(|(other, message)| {
                // Of the other lane also what this process has never seen.
                let seen = message.state != State::Unfetched || message.place != of.place;
                self.share_an_order(of, message)
                    && message.state != State::Settled
                    && (seen && lane_of(of.place) == Lane::Primary
                        || message.state != State::Unfetched)
                    && !run.items.iter().any(|item| item.body == *other)
            });
        assert_eq!(before.count(), 0, "L8: {id} overtakes its key {key}");
    }

    fn check_work_conserving(&self) {
        let primary = self.runnable(Lane::Primary);
        let free = |lane: Lane, slots| self.slots_used(lane) < slots;
        if free(Lane::Primary, LIMITS.primary_slots) {
            assert!(
                primary.is_empty(),
                "L5: primary {primary:?} waits beside a free slot"
            );
        }
        let looking = self.questions.iter().any(|question| {
            matches!(
                question,
                Action::Fetch {
                    lane: Lane::Primary,
                    ..
                }
            )
        });
        if primary.is_empty() && !looking && free(Lane::Backfill, LIMITS.backfill_slots) {
            let mut backfill = self.runnable(Lane::Backfill);
            backfill.retain(|id| !self.paused[self.messages[*id].place.0]);
            assert!(
                backfill.is_empty(),
                "L5: backfill {backfill:?} waits beside a free slot"
            );
        }
    }

    fn apply(&mut self, scheduler: &mut Scheduler<usize>, step: &Step) {
        match step {
            Step::Publish {
                subscription,
                lane,
                band,
                key,
            } => {
                let place = (*subscription, lane.index());
                let id = self.messages.len();
                let state = State::Unfetched;
                self.messages.push(Message {
                    place,
                    band: *band,
                    key: *key,
                    state,
                });
                self.unfetched.entry(place).or_default()[*band].push_back(id);
                scheduler.published(*subscription, *lane);
            }
            Step::Answer(nth) if !self.questions.is_empty() => {
                let question = self.questions.remove(nth % self.questions.len());
                self.answer(scheduler, &question);
            }
            Step::Finish { nth, fates } if !self.running.is_empty() => {
                let run = self.running.remove(nth % self.running.len());
                self.finish(scheduler, run, fates);
            }
            Step::Wait(millis) => self.now += Duration::from_millis(*millis),
            Step::Turn(subscription) => {
                self.paused[*subscription] = !self.paused[*subscription];
                self.throttle(scheduler);
            }
            Step::Answer(_) | Step::Finish { .. } => {}
        }
        self.poll(scheduler);
    }

    fn throttle(&self, scheduler: &mut Scheduler<usize>) {
        let all = (0..SUBSCRIPTIONS).filter(|one| self.paused[*one]);
        let shared = |subscription| Shared {
            throttle: Throttle::Paused,
            subscriptions: vec![subscription],
        };
        scheduler.throttle(self.now, all.map(shared).collect());
    }

    fn answer(&mut self, scheduler: &mut Scheduler<usize>, question: &Action<usize>) {
        match *question {
            Action::Fetch {
                subscription,
                lane,
                count_max,
            } => {
                let place = (subscription, lane.index());
                let bands = self.unfetched.entry(place).or_default();
                let mut fetched = Vec::new();
                while fetched.len() < count_max
                    && let Some(id) = bands.iter_mut().find_map(VecDeque::pop_front)
                {
                    fetched.push(id);
                }
                let more = fetched.len() == count_max;
                let ahead = match (self.order, lane) {
                    (CrossLaneOrder::PerKey, Lane::Primary) => self.ahead(&fetched),
                    _ => Vec::new(),
                };
                fetched.splice(0..0, ahead);
                for id in &fetched {
                    self.messages[*id].state = State::Waiting;
                }
                let items: Vec<_> = fetched.into_iter().map(|id| self.item(id)).collect();
                scheduler.fetched(subscription, lane, items, more);
            }
            Action::FetchParked {
                subscription,
                lane,
                position,
                key,
            } => {
                let id = usize::try_from(position).expect("a small id");
                self.messages[id].state = State::Waiting;
                let place = (lane, position);
                scheduler.fetched_parked(subscription, place, key, Some(self.item(id)));
            }
            Action::Run(_) => unreachable!("runs are no questions"),
        }
    }

    /// Takes the backfill messages that go before primary ones and have not arrived.
    fn ahead(&mut self, fetched: &[usize]) -> Vec<usize> {
        let goes_before = |id: &usize, of: &usize| {
            let (one, of_one) = (&self.messages[*id], &self.messages[*of]);
            lane_of(one.place) == Lane::Backfill && id < of && self.share_an_order(one, of_one)
        };
        let ahead: Vec<usize> = (0..self.messages.len())
            .filter(|id| self.messages[*id].state == State::Unfetched)
            .filter(|id| fetched.iter().any(|of| goes_before(id, of)))
            .collect();
        for queue in self.unfetched.values_mut().flatten() {
            queue.retain(|id| !ahead.contains(id));
        }
        ahead
    }

    fn finish(&mut self, scheduler: &mut Scheduler<usize>, run: Run<usize>, fates: &[u8]) {
        let mut stuck = Vec::new();
        let mut outcomes = Vec::new();
        for (nth, item) in run.items.into_iter().enumerate() {
            let id = item.body;
            let fate = fates.get(nth).copied().unwrap_or_default();
            let held = item.key.is_some_and(|key| stuck.contains(&key));
            let due = self.now + Duration::from_millis(u64::from(fate) * 10);
            let (outcome, state) = match fate {
                _ if held => (Outcome::Unrun, State::Waiting),
                0..=5 => (Outcome::Done, State::Settled),
                6 => (Outcome::Unrun, State::Waiting),
                _ => (
                    Outcome::Parked {
                        position: id as u64,
                        due,
                    },
                    State::Parked,
                ),
            };
            if outcome != Outcome::Done {
                stuck.extend(item.key);
            }
            self.messages[id].state = state;
            outcomes.push((item, outcome));
        }
        scheduler.finished(run.subscription, run.lane, outcomes);
    }

    /// Goes through all steps, and to the end.
    fn live(mut self, steps: &[Step]) {
        let limits = Limits {
            order: self.order,
            ..LIMITS
        };
        let mut scheduler = Scheduler::new(SUBSCRIPTIONS, limits);
        for subscription in 0..SUBSCRIPTIONS {
            scheduler.claimed(subscription);
        }
        self.poll(&mut scheduler);
        for step in steps {
            self.apply(&mut scheduler, step);
        }
        self.settle_all(&mut scheduler);
    }

    /// Lets everything come to its end.
    fn settle_all(&mut self, scheduler: &mut Scheduler<usize>) {
        self.paused = Default::default();
        self.throttle(scheduler);
        let rounds_max = 20 * (self.messages.len() + 10);
        for _ in 0..rounds_max {
            if self.messages.iter().all(|one| one.state == State::Settled) {
                break;
            }
            self.apply(scheduler, &Step::Wait(100));
            self.apply(scheduler, &Step::Answer(0));
            self.apply(
                scheduler,
                &Step::Finish {
                    nth: 0,
                    fates: Vec::new(),
                },
            );
        }
        let lost = self
            .messages
            .iter()
            .filter(|message| message.state != State::Settled);
        assert_eq!(lost.count(), 0, "L9: messages were lost");
        assert!(scheduler.is_idle());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_promise_holds_under_every_schedule(steps in steps()) {
        World::default().live(&steps);
    }

    #[test]
    fn every_promise_holds_when_lanes_share_the_order_of_keys(steps in steps()) {
        let order = CrossLaneOrder::PerKey;
        World { order, ..World::default() }.live(&steps);
    }
}
