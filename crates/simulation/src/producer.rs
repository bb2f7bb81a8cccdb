//! Producers: production traffic in small bursts, and an import in large ones.

use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::lane::Band;

use crate::message::{Draft, KEYS, Trouble};
use crate::plan::{Plan, Tier};
use crate::random::Random;
use crate::world::{NOBODY, World};

/// The most messages of one write.
const BURST_MAX: [usize; 2] = [3, 30];

/// How long a producer waits when the store is away.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Writes what the plan has for a lane, spread over its span.
pub(crate) async fn produce(world: Rc<World>, lane: Lane) {
    let count = world.plan.messages[lane.index()];
    let bursts = count.div_ceil(BURST_MAX[lane.index()]).max(3);
    let pause = world.plan.span / u32::try_from(bursts).unwrap_or(u32::MAX);
    let mut left = count;
    while left > 0 {
        let burst = world.random.between(1, BURST_MAX[lane.index()]).min(left);
        left -= burst;
        let drafts: Vec<Draft> = (0..burst)
            .map(|_| draft(&world.plan, &world.random, lane))
            .collect();
        // Who writes from outside finds out what became of it.
        while world
            .transact(|store| store.accept(world.now(), &drafts))
            .await
            .is_err()
        {
            world.clock.sleep(RETRY_PAUSE).await;
        }
        world.watch.note(|| format!("{burst} messages for {lane}"));
        let published: Vec<_> = drafts.iter().map(|draft| (draft.stream, lane)).collect();
        world.ring(NOBODY, &published);
        let late = world.random.stretch(Duration::ZERO, 2 * pause);
        world.clock.sleep(late).await;
    }
    world.producing.set(world.producing.get() - 1);
}

fn draft(plan: &Plan, random: &Random, lane: Lane) -> Draft {
    let bands = match lane {
        Lane::Primary => &Band::ALL[..3],
        Lane::Backfill => &Band::ALL[3..],
    };
    let key = random
        .chance(0.8)
        .then(|| KEYS[random.between(0, plan.keys - 1)]);
    let streams = match lane {
        Lane::Primary => plan.primary_streams,
        Lane::Backfill => plan.streams,
    };
    let troubles = &plan.troubles;
    let trouble = if random.chance(troubles.failing) {
        Trouble::Fails(u32::from(random.chance(0.3)) + 1)
    } else if random.chance(troubles.poison) {
        random.pick(&[Trouble::Poison, Trouble::Undecodable])
    } else {
        Trouble::None
    };
    Draft {
        stream: random.between(0, streams - 1),
        lane,
        band: random.pick(bands),
        key,
        trouble,
        leads_on: random.chance(plan.leading),
        cause: None,
    }
}

/// Publishes what is in Redis again, now and then, as a relay does that has lost its memory.
pub(crate) async fn repeat(world: Rc<World>) {
    if world.plan.tier == Tier::Database || !world.plan.troubles.repeats {
        return;
    }
    while !world.calm.get() {
        let pause = world.random.stretch(Duration::ZERO, Duration::from_secs(1));
        world.clock.sleep(pause).await;
        let stream = world.random.between(0, world.plan.streams - 1);
        let lane = world.random.pick(&Lane::ALL);
        let nth = world.random.between(0, 100);
        // It is handed out while somebody may have it.
        world.doubt_everybody();
        world.redis.borrow_mut().duplicate(stream, lane, nth);
    }
}
