//! What an operator asks of backfill lanes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protean::Priority;
use protean::throttle::{Rate, Throttle};
use tokio::sync::Semaphore;

use crate::shop::{Behaviour, TakeNote, ThingId, World};

/// Within this time an engine does what is asked.
const EFFECTIVE_WITHIN: Duration = Duration::from_secs(1);

/// A little more, for the machine that the test runs on.
const SLACK: Duration = Duration::from_millis(500);

fn bulk(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|nth| format!("bulk {nth}"))
}

async fn ask(world: &World, subscription: Option<&str>, throttle: Throttle) {
    let controls = &world.app.tier().controls;
    controls.throttle(subscription, throttle).await.unwrap();
}

async fn effective() {
    // sleep: that an engine has looked has no signal; that it takes no longer is the claim
    tokio::time::sleep(EFFECTIVE_WITHIN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paused_before_the_start_does_not_start() {
    let world = World::new().await;
    ask(&world, None, Throttle::Paused).await;
    world.touch_all(bulk(20), Priority::Bulk).await;
    let engine = world.engine();
    world.touch(ThingId::new(), "order", Priority::Normal).await;
    world.probe.until(|log| log == ["order"]).await;
    effective().await;
    assert_eq!(world.probe.log(), ["order"]);
    // From another process.
    ask(&world.again().await, None, Throttle::Running).await;
    let asked = Instant::now();
    world.probe.until(|log| log.len() == 21).await;
    let waited = asked.elapsed();
    assert!(waited < EFFECTIVE_WITHIN + SLACK, "it took {waited:?}");
    world.settled().await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_when_it_is_paused_finishes_and_others_go_on() {
    let world = World::with("[server]\nbackfill_concurrency = 1").await;
    let gate = Arc::new(Semaphore::new(0));
    world.probe.on("bulk 0", Behaviour::Wait(gate.clone()));
    world.touch_all(bulk(20), Priority::Bulk).await;
    let engine = world.engine();
    world.probe.until(|log| log == ["bulk 0"]).await;
    ask(&world, Some("ThingCommandHandler"), Throttle::Paused).await;
    effective().await;
    gate.add_permits(1);
    // The quantum of what ran is over.
    world
        .until_backlogs(|backlogs| backlogs[0][1].lag == 19)
        .await;
    let notes = world.app.with_priority(Priority::Bulk);
    for nth in 0..20 {
        let text = format!("note {nth}");
        notes.process(TakeNote { text }).await.unwrap();
    }
    world.probe.until(|log| log.len() == 21).await;
    effective().await;
    let log = world.probe.log();
    assert_eq!(log[0], "bulk 0");
    assert!(
        log[1..].iter().all(|label| label.starts_with("note")),
        "a paused lane went on: {log:?}"
    );
    assert_eq!(world.backlogs().await[0][1].lag, 19);
    ask(&world, Some("ThingCommandHandler"), Throttle::Running).await;
    world.settled().await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_a_paused_lane_waits() {
    let world = World::new().await;
    world.probe.on("bulk 0", Behaviour::Fail(u32::MAX));
    world.touch_all(bulk(1), Priority::Bulk).await;
    let engine = world.engine();
    world.probe.until(|log| !log.is_empty()).await;
    ask(&world, None, Throttle::Paused).await;
    effective().await;
    let tries = world.probe.log().len();
    world.probe.forget("bulk 0");
    effective().await;
    assert_eq!(world.probe.log().len(), tries, "it was tried while paused");
    ask(&world, None, Throttle::Running).await;
    world.settled().await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_lane_keeps_to_its_rate() {
    const PER_SECOND: f64 = 50.0;
    const MESSAGES: usize = 100;
    let world = World::new().await;
    let rate = Rate::per_second(PER_SECOND).unwrap();
    let limited = Throttle::Limited(rate);
    ask(&world, Some("ThingCommandHandler"), limited).await;
    world.touch_all(bulk(MESSAGES), Priority::Bulk).await;
    let started = Instant::now();
    let engine = world.engine();
    world.touch(ThingId::new(), "order", Priority::Normal).await;
    world
        .probe
        .until(|log| log.contains(&"order".to_owned()))
        .await;
    assert!(started.elapsed() < EFFECTIVE_WITHIN, "the order waited");
    world.probe.until(|log| log.len() == MESSAGES + 1).await;
    let took = started.elapsed();
    let expected = Duration::from_secs(2);
    assert!(took >= expected - SLACK, "it took {took:?}");
    assert!(took < 2 * expected, "it took {took:?}");
    world.settled().await;
    engine.stop().await;
}
