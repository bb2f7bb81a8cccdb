//! L8 and L9: order per aggregate, and exactly one effect.

use protean::Priority;

use crate::shop::{Behaviour, ThingId, World};

#[tokio::test(flavor = "multi_thread")]
async fn l8_messages_of_one_aggregate_are_handled_in_order() {
    for priority in [Priority::Normal, Priority::Bulk] {
        let world = World::new().await;
        let things: Vec<ThingId> = (0..5).map(|_| ThingId::new()).collect();
        for nth in 0..20 {
            for thing in &things {
                world.touch(*thing, &format!("{nth}"), priority).await;
            }
        }
        let engine = world.engine();
        world.settled().await;
        let expected: String = (0..20).map(|nth| format!("{nth}-")).collect();
        for thing in things {
            let summary = world.summary(thing).await;
            assert_eq!(summary.labels, format!("-{expected}"), "{priority}");
            assert_eq!(summary.count, 20);
        }
        engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_failing_message_keeps_its_successors_waiting() {
    for priority in [Priority::Normal, Priority::Bulk] {
        let world = World::new().await;
        world.probe.on("2", Behaviour::Fail(2));
        let (thing, other) = (ThingId::new(), ThingId::new());
        for label in ["1", "2", "3", "4"] {
            world.touch(thing, label, priority).await;
        }
        world.touch(other, "other", priority).await;
        let engine = world.engine();
        world.settled().await;
        assert_eq!(world.summary(thing).await.labels, "-1-2-3-4-", "{priority}");
        let log = world.probe.log();
        let (other, third) = (position(&log, "other"), position(&log, "3"));
        assert!(other < third, "the other aggregate waited: {log:?}");
        engine.stop().await;
    }
}

const PER_KEY: &str = "[server.priority_lanes]\ncross_lane_order = \"per_key\"";

/// Every third touch is primary, the others are bulk.
fn priority_of(nth: usize) -> Priority {
    match nth % 3 {
        2 => Priority::Normal,
        _ => Priority::Bulk,
    }
}

/// The labels that a primary one has overtaken.
fn overtaken(labels: &str) -> Vec<usize> {
    let labels = labels.split('-').filter(|label| !label.is_empty());
    let labels: Vec<usize> = labels.map(|label| label.parse().unwrap()).collect();
    let mut overtaken = Vec::new();
    for (at, label) in labels.iter().enumerate() {
        let earlier = |other: &&usize| **other < *label && priority_of(*label) == Priority::Normal;
        overtaken.extend(labels[at..].iter().filter(earlier));
    }
    overtaken
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_primary_message_overtakes_no_backfill_message_of_its_key() {
    const TOUCHES: usize = 60;
    let mut without_order = 0;
    for settings in [PER_KEY, ""] {
        let world = World::with(settings).await;
        let things: Vec<ThingId> = (0..8).map(|_| ThingId::new()).collect();
        let touch = async |nth: usize| {
            for thing in &things {
                world
                    .touch(*thing, &format!("{nth}"), priority_of(nth))
                    .await;
            }
        };
        // The rows are there before the lanes meet: two that put the same new row do not see each
        // other.
        touch(0).await;
        let engine = world.engine();
        world.settled().await;
        engine.stop().await;
        for nth in 1..TOUCHES / 2 {
            touch(nth).await;
        }
        let engine = world.engine();
        for nth in TOUCHES / 2..TOUCHES {
            touch(nth).await;
        }
        world.settled().await;
        for thing in &things {
            let summary = world.summary(*thing).await;
            assert_eq!(summary.count, TOUCHES as i64, "L9: {summary:?}");
            let overtaken = overtaken(&summary.labels);
            match settings {
                PER_KEY => assert!(overtaken.is_empty(), "{overtaken:?} in {summary:?}"),
                _ => without_order += overtaken.len(),
            }
        }
        engine.stop().await;
    }
    assert!(without_order > 0, "without an order primary overtakes");
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_promoted_message_that_fails_is_waited_for_by_its_key_alone() {
    let world = World::with(PER_KEY).await;
    world.probe.on("1", Behaviour::Fail(2));
    world.probe.on("4", Behaviour::Refuse);
    let (thing, refused, other) = (ThingId::new(), ThingId::new(), ThingId::new());
    world.touch(thing, "1", Priority::Bulk).await;
    world.touch(thing, "2", Priority::Normal).await;
    world.touch(refused, "4", Priority::Bulk).await;
    world.touch(refused, "5", Priority::Normal).await;
    world.touch(other, "other", Priority::Normal).await;
    let engine = world.engine();
    world.settled().await;
    assert_eq!(world.summary(thing).await.labels, "-1-2-");
    assert_eq!(world.summary(refused).await.labels, "-5-");
    let log = world.probe.log();
    let (other, second) = (position(&log, "other"), position(&log, "2"));
    assert!(other < second, "the other aggregate waited: {log:?}");
    let backlogs = world.backlogs().await;
    let dead: Vec<_> = backlogs
        .iter()
        .map(|lanes| (lanes[0].dead, lanes[1].dead))
        .collect();
    assert_eq!(dead[0], (0, 1), "it is given up on its own lane");
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_what_was_promoted_takes_effect_once_however_often_an_engine_ends() {
    const KILLS: usize = 6;
    const THINGS: usize = 40;
    let world = World::with(PER_KEY).await;
    let things: Vec<ThingId> = (0..THINGS).map(|_| ThingId::new()).collect();
    for nth in 0..3 {
        for thing in &things {
            world
                .touch(*thing, &format!("{nth}"), priority_of(nth))
                .await;
        }
    }
    for kill in 1..=KILLS {
        let engine = world.engine();
        let handled = kill * THINGS / 4;
        world.probe.until(|log| log.len() >= handled).await;
        engine.kill().await;
    }
    let engine = world.engine();
    world.settled().await;
    for thing in &things {
        assert_eq!(world.summary(*thing).await.labels, "-0-1-2-");
    }
    engine.stop().await;
}

fn position(log: &[String], label: &str) -> usize {
    log.iter().position(|entry| entry == label).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_nothing_is_lost_and_nothing_takes_effect_twice() {
    const THINGS: usize = 8;
    const TOUCHES: usize = 40;
    let world = World::new().await;
    let things: Vec<ThingId> = (0..THINGS).map(|_| ThingId::new()).collect();
    for nth in 0..TOUCHES {
        for (at, thing) in things.iter().enumerate() {
            let priority = if at % 2 == 0 {
                Priority::Bulk
            } else {
                Priority::Normal
            };
            world.touch(*thing, &format!("{nth}"), priority).await;
        }
    }
    // Each engine is ended on the spot somewhere on its way; the next takes over on the same file.
    for handled in [10, 50, 100, 150, 200, 250] {
        let engine = world.engine();
        world.probe.until(|log| log.len() >= handled).await;
        engine.kill().await;
    }
    let engine = world.engine();
    world.settled().await;
    let expected: String = (0..TOUCHES).map(|nth| format!("{nth}-")).collect();
    for thing in things {
        let summary = world.summary(thing).await;
        assert_eq!(summary.labels, format!("-{expected}"));
        assert_eq!(summary.count, 40);
    }
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_two_engines_on_one_file_share_the_work() {
    let world = World::new().await;
    let other = world.again().await;
    let engines = [world.engine(), other.engine()];
    let thing = ThingId::new();
    for nth in 0..50 {
        world
            .touch(thing, &format!("{nth}"), Priority::Normal)
            .await;
    }
    world.settled().await;
    assert_eq!(world.summary(thing).await.count, 50);
    for engine in engines {
        engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_when_the_holder_dies() {
    let world = World::new().await;
    let other = world.again().await;
    let holder = world.engine();
    world.touch(ThingId::new(), "first", Priority::Normal).await;
    world.settled().await;
    let standby = other.engine();
    holder.kill().await;
    world
        .touch(ThingId::new(), "second", Priority::Normal)
        .await;
    world.settled().await;
    standby.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_leaves_the_rest_for_the_next() {
    let world = World::new().await;
    let labels = (0..500).map(|nth| format!("bulk {nth}"));
    world.touch_all(labels, Priority::Bulk).await;
    let engine = world.engine();
    world.probe.until(|log| log.len() > 20).await;
    engine.stop().await;
    let engine = world.engine();
    world.settled().await;
    let log = world.probe.log();
    let mut unique = log.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(
        (log.len(), unique.len()),
        (500, 500),
        "a drained message ran twice"
    );
    engine.stop().await;
}
