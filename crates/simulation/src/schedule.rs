//! One schedule, from its seed to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use protean_core::Lane;

use crate::blows;
use crate::contention;
use crate::invariants::{Invariant, l6_liveness, l9_exactly_once};
use crate::planted::Planted;
use crate::process::Process;
use crate::producer;
use crate::watch::Violation;
use crate::world::{NOBODY, World};

/// How long, in simulated time, a calm world may take to handle everything: dead processes are
/// noticed within seconds, and abandoned groups within ten.
const CALM_MAX: Duration = Duration::from_secs(90);

/// Steps between two checks of what is told of the oldest message.
const OLDEST_STEPS: u64 = 64;

/// What a schedule was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Steps that happened.
    pub steps: u64,
    /// Messages that were accepted.
    pub messages: usize,
}

/// A schedule that broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that makes it again.
    pub seed: u64,
    /// What was broken.
    pub violation: Violation,
    /// The last steps, if it was traced.
    pub trace: Vec<String>,
}

/// Runs the schedule of a seed, with a planted bug if there is one.
///
/// # Errors
/// The first promise that it breaks.
pub fn run(seed: u64, planted: Option<Planted>) -> Result<Report, Box<Failure>> {
    simulate(&World::new(seed, planted, false), seed)
}

/// The same, with the last steps in the failure.
///
/// # Errors
/// The first promise that it breaks.
pub fn run_traced(seed: u64, planted: Option<Planted>) -> Result<Report, Box<Failure>> {
    simulate(&World::new(seed, planted, true), seed)
}

fn simulate(world: &std::rc::Rc<World>, seed: u64) -> Result<Report, Box<Failure>> {
    let failure = |violation| {
        Box::new(Failure {
            seed,
            violation,
            trace: world.watch.trace(),
        })
    };
    let played = catch_unwind(AssertUnwindSafe(|| {
        contention::play(seed, world);
        play(world);
    }));
    // Tasks know the world, and the world knows them.
    (1..=world.lives.get()).for_each(|owner| world.clock.kill(owner));
    world.clock.kill(NOBODY);
    world.processes.borrow_mut().clear();
    if played.is_err() {
        return Err(failure(Violation {
            invariant: Invariant::Panic,
            what: "a panic, which was printed where it happened".to_owned(),
            at: world.now(),
        }));
    }
    match world.watch.violation() {
        Some(violation) => Err(failure(violation)),
        None => Ok(Report {
            steps: world.clock.steps(),
            messages: world.watch.accepted_count(),
        }),
    }
}

fn play(world: &std::rc::Rc<World>) {
    world.watch.note(|| format!("{:?}", world.plan));
    for _ in 0..world.plan.processes {
        Process::start(world);
    }
    for lane in Lane::ALL {
        world.producing.set(world.producing.get() + 1);
        world
            .clock
            .spawn(NOBODY, producer::produce(world.clone(), lane));
    }
    world.clock.spawn(NOBODY, producer::repeat(world.clone()));
    world.clock.spawn(NOBODY, blows::deal(world.clone()));
    let turmoil = world.plan.span + world.plan.span / 2;
    go_on(world, |world| {
        world.now() >= turmoil && world.producing.get() == 0
    });
    world.watch.note(|| "the world is calm".to_owned());
    world.calm.set(true);
    while world.processes.borrow().len() < world.plan.processes {
        Process::start(world);
    }
    let deadline = world.now() + CALM_MAX;
    go_on(world, |world| {
        world.watch.is_settled() || world.now() >= deadline
    });
    world.watch.note(|| world.store.borrow().remains());
    world.watch.note(|| world.redis.borrow().remains());
    l9_exactly_once::check_end(&world.store.borrow());
}

fn go_on(world: &World, until: impl Fn(&World) -> bool) {
    while !world.watch.is_broken() && !until(world) && world.clock.step() {
        world.watch.tick(world.now());
        if world.clock.steps().is_multiple_of(OLDEST_STEPS) {
            l6_liveness::check_oldest(&world.store.borrow());
        }
    }
}
