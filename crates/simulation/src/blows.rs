//! What befalls the world: processes killed, hung or stopped, servers away, data lost.

use std::rc::Rc;
use std::time::Duration;

use crate::clock::Owner;
use crate::plan::Tier;
use crate::process::Process;
use crate::world::{NOBODY, World};

const MS: Duration = Duration::from_millis(1);

/// How long a process may be away until it is started again.
const AWAY_MAX: Duration = Duration::from_secs(5);

/// How long it may hang: also longer than others believe in it.
const HANG_MAX: Duration = Duration::from_secs(6);

/// How long a server may be away.
const SERVER_AWAY_MAX: Duration = Duration::from_millis(1_500);

/// Deals blows for as long as the world is not calm.
pub(crate) async fn deal(world: Rc<World>) {
    let Some(every) = world.plan.troubles.blow_every else {
        return;
    };
    while !world.calm.get() {
        let pause = world.random.stretch(Duration::ZERO, 2 * every);
        world.clock.sleep(pause).await;
        if !world.calm.get() {
            strike(&world);
        }
    }
}

fn strike(world: &Rc<World>) {
    match world.random.between(0, 11) {
        0..=3 => kill(world),
        4 | 5 => hang(world),
        6 => stop(world),
        7 => store_restarts(world),
        8 => world.store.borrow_mut().leaders = [None; 2],
        9 => redis_goes(world),
        10 => redis_loses(world),
        _ => world.redis.borrow_mut().save(),
    }
}

fn victim(world: &World) -> Option<Rc<Process>> {
    let processes = world.processes.borrow();
    let most = processes.len().checked_sub(1)?;
    Some(processes[world.random.between(0, most)].clone())
}

fn kill(world: &Rc<World>) {
    let Some(process) = victim(world) else { return };
    process.kill();
    start_later(world, process.owner);
}

fn start_later(world: &Rc<World>, owner: Owner) {
    let pause = world.random.stretch(MS, AWAY_MAX);
    let later = world.clone();
    world.clock.spawn(NOBODY, async move {
        later.clock.sleep(pause).await;
        // One that was asked to stop may take its time.
        while later.is_alive(owner) {
            later.clock.sleep(pause).await;
        }
        if later.processes.borrow().len() < later.plan.processes {
            Process::start(&later);
        }
    });
}

fn hang(world: &Rc<World>) {
    let Some(process) = victim(world) else { return };
    let hang = world.random.stretch(MS, HANG_MAX);
    let owner = process.owner;
    world
        .watch
        .note(|| format!("process {owner} hangs for {hang:?}"));
    world.clock.hang(owner, world.now() + hang);
}

/// A request to stop, after which what runs may finish.
fn stop(world: &Rc<World>) {
    let Some(process) = victim(world) else { return };
    let owner = process.owner;
    world
        .watch
        .note(|| format!("process {owner} is asked to stop"));
    process.stopping.set(true);
    process.inbox.poke(&world.clock);
    start_later(world, owner);
}

fn store_restarts(world: &Rc<World>) {
    let away = world.random.stretch(MS, SERVER_AWAY_MAX);
    world
        .watch
        .note(|| format!("the store restarts, and is away for {away:?}"));
    world.store_back.set(world.now() + away);
    if world.random.chance(0.5) {
        world.store.borrow_mut().crash();
        world.doubt_everybody();
    }
}

fn redis_goes(world: &Rc<World>) {
    let away = world.random.stretch(MS, SERVER_AWAY_MAX);
    world.watch.note(|| format!("Redis is away for {away:?}"));
    world.redis_back.set(world.now() + away);
}

fn redis_loses(world: &Rc<World>) {
    if world.plan.tier == Tier::Database {
        return;
    }
    world.watch.doubt_everybody();
    let away = world.random.stretch(Duration::ZERO, SERVER_AWAY_MAX);
    world.redis_back.set(world.now() + away);
    if world.random.chance(0.5) {
        world.watch.note(|| "Redis loses everything".to_owned());
        world.redis.borrow_mut().flush();
    } else {
        world
            .watch
            .note(|| "Redis loses what its replica does not have".to_owned());
        world.redis.borrow_mut().fail_over();
    }
}
