//! The governor in a world where backfill harms production: commits of several processes and the
//! turns of an import, at one store.

use std::rc::Rc;
use std::time::Duration;

use protean_core::governor::{LATE_COMMIT, Level, Sense, Surroundings};

use crate::invariants::l4_governor;
use crate::plan::QUANTUM;
use crate::planted::Planted;
use crate::random::Random;
use crate::watch::Watch;
use crate::world::World;

/// One in so many schedules has it: it is long, and there is little chance in it.
const EVERY: u64 = 8;

/// How long production goes on until the level has settled, and after that.
const WARM_UP: Duration = Duration::from_secs(15);
const STEADY: Duration = Duration::from_secs(30);

/// How long there is no production then.
const QUIET: Duration = Duration::from_secs(5);

/// The most turns that may overlap.
const OVERLAP_MAX: usize = 2;

/// A worker of the import.
#[derive(Clone, Copy, Debug)]
struct Worker {
    /// Until when its turn lasts.
    busy_until: Duration,
    /// Until when it rests.
    rests_until: Duration,
}

struct Store {
    now: Duration,
    random: Random,
    watch: Rc<Watch>,
    planted: Option<Planted>,
    level: Level,
    senses: Vec<Sense>,
    workers: [Worker; OVERLAP_MAX],
    base: Duration,
    harm: Duration,
    turns: Duration,
    judged: [u32; 2],
}

/// Lets production and an import meet.
pub(crate) fn play(seed: u64, world: &World) {
    let wanted = world
        .planted
        .is_some_and(|bug| bug.breaks() == crate::Invariant::L4);
    if !wanted && !seed.is_multiple_of(EVERY) {
        return;
    }
    let random = Random::new(seed ^ 0x6F76_6572);
    let processes = random.between(1, 3);
    let rate = random.between(100, 400);
    let base = random.stretch(Duration::from_micros(400), Duration::from_millis(4));
    let worker = Worker {
        busy_until: Duration::ZERO,
        rests_until: Duration::ZERO,
    };
    let mut store = Store {
        now: Duration::from_secs(1),
        harm: base * u32::try_from(random.between(2, 6)).unwrap_or(2),
        base,
        random,
        watch: world.watch.clone(),
        planted: world.planted,
        level: Level::default(),
        senses: vec![Sense::new(LATE_COMMIT, QUANTUM); processes],
        workers: [worker; OVERLAP_MAX],
        turns: Duration::ZERO,
        judged: [0; 2],
    };
    store.learn_the_quiet();
    store.run(WARM_UP, rate);
    store.judged = [0; 2];
    store.run(STEADY, rate);
    l4_governor::check_late(&store.watch, store.judged);
    store.be_quiet();
}

impl Store {
    fn is_planted(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    /// How long a commit takes that meets so many turns of backfill.
    fn commit(&self, meets: usize) -> Duration {
        let tail = -0.3 * self.random.fraction().max(1e-6).ln();
        let harm = if meets > 0 {
            self.random.fraction()
        } else {
            0.0
        };
        self.base.mul_f64(1.0 + tail) + self.harm.mul_f64(harm)
    }

    fn learn_the_quiet(&mut self) {
        for nth in 0..self.senses.len() {
            for _ in 0..1_000 {
                let took = self.commit(0);
                let _ = self.senses[nth].judge(took, Surroundings::Quiet);
            }
        }
    }

    fn busy(&self) -> usize {
        let busy = |worker: &&Worker| worker.busy_until > self.now;
        self.workers.iter().filter(busy).count()
    }

    /// Production at a rate, beside an import that always has something to do.
    fn run(&mut self, stretch: Duration, rate: usize) {
        let end = self.now + stretch;
        let pause = Duration::from_secs(2) / u32::try_from(rate).unwrap_or(1);
        let mut next = self.now;
        while self.now < end {
            if next <= self.now {
                self.primary();
                next = self.now + self.random.stretch(Duration::ZERO, pause);
            }
            self.backfill();
            self.go_on(next);
        }
    }

    /// A primary commit, and what its process makes of it.
    fn primary(&mut self) {
        let took = self.commit(self.busy());
        let nth = self.random.between(0, self.senses.len() - 1);
        let judgement =
            self.senses[nth].judge(took, self.level.surroundings(self.now, Some(self.now)));
        self.judged[0] += judgement.in_time;
        self.judged[1] += judgement.late;
        if !self.is_planted(Planted::LevelDeaf) {
            self.level.hear(self.now, judgement);
        }
    }

    /// Starts the turns that may start.
    fn backfill(&mut self) {
        let overlap = match self.is_planted(Planted::OverlapIgnored) {
            true => OVERLAP_MAX,
            false => self.level.overlap(self.now, OVERLAP_MAX),
        };
        for nth in 0..OVERLAP_MAX {
            let Worker {
                busy_until,
                rests_until,
            } = self.workers[nth];
            if busy_until > self.now || rests_until > self.now || self.busy() >= overlap {
                continue;
            }
            let turn = self.random.stretch(Duration::from_millis(1), QUANTUM);
            let rest = match self.planted {
                Some(Planted::RestSkipped) => Duration::ZERO,
                Some(Planted::RestInTheQuiet) => turn,
                _ => self.level.rest_after(self.now, turn),
            };
            self.turns += turn;
            self.workers[nth] = Worker {
                busy_until: self.now + turn,
                rests_until: self.now + turn + rest,
            };
            let busy = self.busy();
            l4_governor::check_turn(
                &self.watch,
                self.level,
                self.now,
                (turn, rest),
                busy,
                OVERLAP_MAX,
            );
        }
    }

    /// Time goes on to whatever is next.
    fn go_on(&mut self, next: Duration) {
        let ends = self
            .workers
            .iter()
            .flat_map(|one| [one.busy_until, one.rests_until]);
        let events = ends.chain([next]).filter(|at| *at > self.now);
        self.now = events.min().unwrap_or(self.now + QUANTUM);
    }

    /// Nobody is about: backfill is as fast as it can be.
    fn be_quiet(&mut self) {
        self.now += protean_core::governor::ABOUT * 2;
        self.turns = Duration::ZERO;
        let end = self.now + QUIET;
        while self.now < end {
            self.backfill();
            self.go_on(end);
        }
        let most = QUIET * u32::try_from(OVERLAP_MAX).unwrap_or(1);
        l4_governor::check_full_speed(&self.watch, self.turns, most);
    }
}
