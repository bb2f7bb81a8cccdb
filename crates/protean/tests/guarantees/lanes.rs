//! L1 to L3, L6 and L7: who goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use protean::Priority;
use tokio::sync::Semaphore;

use crate::shop::{Behaviour, TakeNote, ThingId, World};

fn bulk(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|nth| format!("bulk {nth}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_primary_first() {
    let world = World::new().await;
    world.touch_all(bulk(200), Priority::Bulk).await;
    world.touch(ThingId::new(), "order", Priority::Normal).await;
    let engine = world.engine();
    let log = world.probe.until(|log| log.len() == 201).await;
    assert_eq!(
        log[0], "order",
        "backfill was taken while primary had a message"
    );
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_backfill_waits_while_a_primary_message_waits() {
    let world = World::with("[server]\nprimary_concurrency = 1").await;
    let gate = Arc::new(Semaphore::new(0));
    world.probe.on("order 0", Behaviour::Wait(gate.clone()));
    for label in ["order 0", "order 1"] {
        world.touch(ThingId::new(), label, Priority::Normal).await;
    }
    let engine = world.engine();
    world.probe.until(|log| log == ["order 0"]).await;
    world.touch_all(bulk(20), Priority::Bulk).await;
    assert_nothing_starts(&world, &["order 0"]).await;
    gate.add_permits(1);
    world.probe.until(|log| log.len() == 22).await;
    engine.stop().await;
}

/// What has entered a handler stays all that has.
async fn assert_nothing_starts(world: &World, entered: &[&str]) {
    // sleep: that nothing happens has no signal; what would happen takes a hundredth of this
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.probe.log(), entered);
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_an_idle_engine_is_woken_and_does_not_poll() {
    let world = World::new().await;
    let engine = world.engine();
    let writer = world.again().await;
    let mut waits = Vec::new();
    for nth in 0..20 {
        let label = format!("order {nth}");
        let started = Instant::now();
        writer.touch(ThingId::new(), &label, Priority::Normal).await;
        world.probe.until(|log| log.contains(&label)).await;
        waits.push(started.elapsed());
    }
    waits.sort();
    assert!(
        waits[10] < Duration::from_millis(100),
        "half of them waited {:?}",
        waits[10]
    );
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l2_preemption_of_handlers_that_wait() {
    let world = World::new().await;
    let gate = Arc::new(Semaphore::new(0));
    for label in bulk(50) {
        world.probe.on(&label, Behaviour::Wait(gate.clone()));
    }
    world.touch_all(bulk(50), Priority::Bulk).await;
    let engine = world.engine();
    world.probe.until(|log| !log.is_empty()).await;
    world.touch(ThingId::new(), "order", Priority::Normal).await;
    world
        .probe
        .until(|log| log.contains(&"order".to_owned()))
        .await;
    world
        .until_backlogs(|backlogs| backlogs[0][0].lag == 0 && backlogs[0][1].lag == 50)
        .await;
    gate.add_permits(50);
    world.settled().await;
    engine.stop().await;
}

/// One thread for primary work: were the burning handler on it, nothing else would be.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn l2_preemption_of_handlers_that_burn_the_processor() {
    let world = World::new().await;
    let enough = Arc::new(AtomicBool::new(false));
    for label in bulk(8) {
        world.probe.on(&label, Behaviour::Burn(enough.clone()));
    }
    world.touch_all(bulk(8), Priority::Bulk).await;
    let engine = world.engine();
    world.probe.until(|log| !log.is_empty()).await;
    let started = Instant::now();
    world.touch(ThingId::new(), "order", Priority::Normal).await;
    world
        .until_backlogs(|backlogs| backlogs[0][0].lag == 0)
        .await;
    let waited = started.elapsed();
    enough.store(true, Ordering::Relaxed);
    assert!(
        waited < Duration::from_secs(2),
        "the order waited {waited:?}"
    );
    world.settled().await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l3_primary_of_one_subscription_goes_before_backfill_of_another() {
    let world = World::with("[server]\nprimary_concurrency = 1").await;
    let gate = Arc::new(Semaphore::new(0));
    world.probe.on("note 0", Behaviour::Wait(gate.clone()));
    for nth in 0..20 {
        let text = format!("note {nth}");
        world.app.process(TakeNote { text }).await.unwrap();
    }
    let engine = world.engine();
    world.probe.until(|log| log == ["note 0"]).await;
    // Another subscription's: things, not notes.
    world.touch_all(bulk(100), Priority::Bulk).await;
    assert_nothing_starts(&world, &["note 0"]).await;
    gate.add_permits(1);
    let log = world.probe.until(|log| log.len() == 120).await;
    // While the last note runs, none waits.
    let mut waiting = log.iter().take(19);
    assert!(
        waiting.all(|label| label.starts_with("note")),
        "bulk messages ran while notes waited: {log:?}"
    );
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_starvation_is_visible() {
    let world = World::new().await;
    world.touch_all(bulk(3), Priority::Bulk).await;
    let [primary, backfill] = world.backlogs().await[0].clone();
    assert_eq!((primary.lag, primary.oldest), (0, None));
    assert_eq!(backfill.lag, 3);
    let first = backfill.oldest.expect("the oldest message has an age");
    world
        .until_backlogs(|backlogs| backlogs[0][1].oldest.is_some_and(|oldest| oldest > first))
        .await;
}

/// Each command causes an event that two subscriptions take, in its own lane.
#[tokio::test(flavor = "multi_thread")]
async fn l6_a_min_share_is_what_backfill_gets_of_a_saturated_server() {
    const ORDERS: usize = 6_000;
    let world = World::with("[server.priority_lanes]\nmin_share = 0.01").await;
    let orders = (0..ORDERS).map(|nth| format!("order {nth}"));
    world.touch_all(bulk(1_000), Priority::Bulk).await;
    world.touch_all(orders, Priority::Normal).await;
    let engine = world.engine();
    // Before the last of them, so that primary always has more.
    let is_order = |label: &&String| label.starts_with("order");
    let enough = |log: &[String]| log.iter().filter(is_order).count() >= ORDERS * 9 / 10;
    world.probe.until(enough).await;
    let summary = engine.stop().await;
    let all = summary.primary + summary.backfill;
    #[allow(clippy::cast_precision_loss, reason = "some thousands")]
    let share = summary.backfill as f64 / all as f64;
    assert!((0.008..=0.02).contains(&share), "{share:.4} of {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn l7_inside_the_primary_lane_the_more_urgent_goes_first() {
    let world = World::with("[server]\nprimary_concurrency = 1").await;
    for nth in 0..5 {
        world
            .touch(ThingId::new(), &format!("normal {nth}"), Priority::Normal)
            .await;
    }
    world.touch(ThingId::new(), "high", Priority::High).await;
    world
        .touch(ThingId::new(), "critical", Priority::Critical)
        .await;
    let engine = world.engine();
    let log = world.probe.until(|log| log.len() == 7).await;
    let expected = [
        "critical", "high", "normal 0", "normal 1", "normal 2", "normal 3", "normal 4",
    ];
    assert_eq!(log, expected);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_lanes_off_everything_is_primary() {
    let world = World::with("[server]\npriority_lanes = false").await;
    world.touch_all(bulk(3), Priority::Bulk).await;
    let [primary, backfill] = world.backlogs().await[0].clone();
    assert_eq!((primary.lag, backfill.lag), (3, 0));
}
