//! Lanes that an operator paused or limited.

use std::time::Duration;

use proptest::prelude::*;
use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::lane::Band;
use protean_core::throttle::{Rate, Throttle};

use crate::lane::{Action, Item, Limits, Outcome, Run, Scheduler, Shared};

const LIMITS: Limits = Limits {
    primary_slots: 2,
    backfill_slots: 2,
    batch_max: 512,
    buffer_max: 1_024,
    min_share: 0.0,
    order: CrossLaneOrder::None,
};

const START: Duration = Duration::ZERO;

fn plain(count: usize) -> impl Iterator<Item = Item<usize>> {
    (0..count).map(|body| Item {
        key: None,
        lane: Lane::Backfill,
        position: body as u64,
        band: Band::ALL[4],
        body,
    })
}

fn orders(count: usize) -> impl Iterator<Item = Item<usize>> {
    plain(count).map(|item| Item {
        lane: Lane::Primary,
        band: Band::ALL[2],
        ..item
    })
}

fn limited(rate: f64, subscriptions: &[usize]) -> Shared {
    Shared {
        throttle: Throttle::Limited(Rate::per_second(rate).unwrap()),
        subscriptions: subscriptions.to_vec(),
    }
}

fn paused(subscriptions: &[usize]) -> Shared {
    Shared {
        throttle: Throttle::Paused,
        subscriptions: subscriptions.to_vec(),
    }
}

/// Subscriptions whose lanes are always full: primary has nothing, and what is asked of backfill is
/// answered at once.
struct World {
    scheduler: Scheduler<usize>,
    now: Duration,
    running: Vec<(Duration, Run<usize>)>,
    /// Messages started and not given back, by subscription.
    started: Vec<usize>,
    /// How long a run takes, and how many of its messages are run by then.
    run_time: Duration,
    run_max: usize,
}

impl World {
    fn new(subscriptions: usize, throttles: Vec<Shared>) -> Self {
        let mut scheduler = Scheduler::new(subscriptions, LIMITS);
        scheduler.throttle(START, throttles);
        for subscription in 0..subscriptions {
            scheduler.claimed(subscription);
        }
        Self {
            scheduler,
            now: START,
            running: Vec::new(),
            started: vec![0; subscriptions],
            run_time: Duration::from_millis(10),
            run_max: usize::MAX,
        }
    }

    /// Goes on until `end` as an engine does: it sleeps until something happens.
    fn run_until(&mut self, end: Duration) {
        const ROUNDS_MAX: usize = 100_000;
        for _ in 0..ROUNDS_MAX {
            self.act();
            let finished = self.running.iter().map(|(done, _)| *done).min();
            let next = finished.into_iter().chain(self.scheduler.wake_at()).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            assert!(next >= self.now || finished == Some(next), "time goes back");
            self.now = self.now.max(next);
            self.finish();
        }
        panic!("the engine is woken without end");
    }

    fn act(&mut self) {
        while let Some(action) = self.scheduler.poll(self.now) {
            match action {
                Action::Run(run) => {
                    self.started[run.subscription] += run.items.len();
                    self.running.push((self.now + self.run_time, run));
                }
                Action::Fetch {
                    subscription,
                    lane,
                    count_max,
                } => match lane {
                    Lane::Primary => self.scheduler.fetched(subscription, lane, [], false),
                    Lane::Backfill => {
                        self.scheduler
                            .fetched(subscription, lane, plain(count_max), true);
                    }
                },
                Action::FetchParked {
                    subscription,
                    lane,
                    position,
                    ..
                } => {
                    let item = plain(1).next();
                    self.scheduler
                        .fetched_parked(subscription, (lane, position), None, item);
                }
            }
        }
    }

    fn finish(&mut self) {
        let now = self.now;
        let (done, running) = self.running.drain(..).partition(|(done, _)| *done <= now);
        self.running = running;
        let done: Vec<(Duration, Run<usize>)> = done;
        for (_, run) in done {
            let unrun = run.items.len().saturating_sub(self.run_max);
            self.started[run.subscription] -= unrun;
            let items = run.items.into_iter().enumerate();
            let outcomes = items.map(|(nth, item)| match nth < self.run_max {
                true => (item, Outcome::Done),
                false => (item, Outcome::Unrun),
            });
            let outcomes: Vec<_> = outcomes.collect();
            self.scheduler
                .finished(run.subscription, run.lane, outcomes);
        }
    }
}

#[test]
fn of_a_paused_lane_nothing_is_started_or_fetched_and_others_go_on() {
    let mut world = World::new(2, vec![paused(&[0])]);
    world.scheduler.parked(0, Lane::Backfill, 9, None, START);
    world.run_until(Duration::from_secs(1));
    assert_eq!(world.started[0], 0);
    assert_eq!(world.scheduler.held(0, Lane::Backfill), 0);
    assert!(world.started[1] > 50_000, "{:?}", world.started);
    let orders = orders(1);
    world.scheduler.fetched(0, Lane::Primary, orders, false);
    world.act();
    assert_eq!(world.started[0], 1, "the paused one's primary lane goes on");
}

#[test]
fn an_engine_with_nothing_but_paused_lanes_sleeps() {
    let mut world = World::new(1, vec![paused(&[0])]);
    world.scheduler.parked(0, Lane::Backfill, 9, None, START);
    world.run_until(START);
    assert_eq!(world.scheduler.wake_at(), None);
    world.scheduler.throttle(START, Vec::new());
    assert_eq!(world.scheduler.wake_at(), Some(START));
    world.run_until(Duration::from_secs(1));
    assert!(world.started[0] > 50_000, "{:?}", world.started);
}

#[test]
fn what_runs_when_the_lane_is_paused_finishes() {
    let mut world = World::new(1, Vec::new());
    world.act();
    let running = world.started[0];
    assert!(running > 0);
    world.scheduler.throttle(START, vec![paused(&[0])]);
    world.run_max = 1;
    world.run_until(Duration::from_secs(1));
    assert_eq!(world.started[0], LIMITS.backfill_slots, "of {running}");
    assert!(world.scheduler.is_idle());
}

#[test]
fn a_min_share_does_not_start_what_is_paused() {
    let limits = Limits {
        min_share: 0.5,
        ..LIMITS
    };
    let mut scheduler = Scheduler::new(1, limits);
    scheduler.claimed(0);
    while scheduler.poll(START).is_some() {}
    scheduler.fetched(0, Lane::Backfill, plain(10), false);
    scheduler.throttle(START, vec![paused(&[0])]);
    scheduler.fetched(0, Lane::Primary, orders(100), true);
    for _ in 0..100 {
        while let Some(action) = scheduler.poll(START) {
            let Action::Run(run) = action else { continue };
            assert_eq!(run.lane, Lane::Primary);
            let outcomes = run.items.into_iter().map(|item| (item, Outcome::Done));
            scheduler.finished(0, Lane::Primary, outcomes);
        }
    }
}

#[test]
fn due_messages_of_a_limited_lane_do_not_pile_up_in_memory() {
    let mut world = World::new(1, vec![limited(10.0, &[0])]);
    for position in 0..10_000 {
        world
            .scheduler
            .parked(0, Lane::Backfill, position, None, START);
    }
    world.run_until(Duration::from_secs(200));
    let held = world.scheduler.held(0, Lane::Backfill);
    assert!(held <= LIMITS.buffer_max + 32, "{held} are in memory");
    assert!(
        (1_980..=2_001).contains(&world.started[0]),
        "{:?}",
        world.started
    );
}

#[test]
fn what_was_started_and_not_run_does_not_count() {
    let mut world = World::new(1, vec![limited(200.0, &[0])]);
    world.run_max = 1;
    world.run_time = Duration::from_millis(5);
    world.run_until(Duration::from_secs(2));
    let started = world.started[0];
    assert!((390..=401).contains(&started), "{started} of 400");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    /// Whatever the rate is, and however little of a batch is run at a time.
    #[test]
    fn a_rate_is_kept_by_those_who_share_it(
        rate in prop_oneof![0.5..10.0, 10.0..10_000.0],
        run_ms in 5..40_u64,
        run_max in 100..600_usize,
        subscriptions in 1..4_usize,
    ) {
        const SECONDS: u32 = 4;
        let shared: Vec<usize> = (0..subscriptions).collect();
        let mut world = World::new(subscriptions + 1, vec![limited(rate, &shared)]);
        world.run_time = Duration::from_millis(run_ms);
        world.run_max = run_max;
        for second in 1..=SECONDS {
            world.run_until(Duration::from_secs(second.into()));
            let started: usize = world.started[..subscriptions].iter().sum();
            let asked = rate * f64::from(second);
            prop_assert!(started as f64 <= asked + 1.0, "{started} of {asked}");
        }
        let started: usize = world.started[..subscriptions].iter().sum();
        // What the slots can do at all, of which another subscription has its part.
        let turns = f64::from(SECONDS) * 1_000.0 / run_ms as f64;
        let able = turns * run_max.min(LIMITS.batch_max) as f64 / 2.0;
        let floor = (rate * f64::from(SECONDS) * 0.95 - 1.0).min(able * 0.9);
        prop_assert!(started as f64 >= floor, "{started}, expected {floor}");
        prop_assert!(world.started[subscriptions] > 0, "another one is held up");
    }
}
