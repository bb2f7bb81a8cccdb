//! Relays: many at once, relays that die, and streams that are kept shallow.

use std::time::{Duration, Instant};

use protean_core::port::Tier;
use protean_core::{Lane, Priority};
use protean_redis::Options;
use protean_services::redis::Persistence;
use protean_testing::item::{PATIENCE, look_again};
use tokio::task::JoinSet;

use crate::engine::{all_handled, at_random, numbered};
use crate::rig::{Rig, attend, open, publish, publish_both, stream};

/// Messages of each lane: no more than a primary stream holds while nobody reads it.
const MESSAGES: u64 = 500;

/// The numbers in the outbox of the entries in a stream of one queue, in their order.
pub(crate) fn numbers(rig: &Rig, lane: Lane) -> Vec<u64> {
    let range = ["XRANGE", &stream(lane), "-", "+"];
    let text = rig.redis.command(&range).unwrap();
    let mut lines = text.lines();
    let mut numbers = Vec::new();
    while let Some(line) = lines.next() {
        if line == "place" {
            let place = lines.next().unwrap();
            numbers.push(place.split(' ').nth(1).unwrap().parse().unwrap());
        }
    }
    numbers
}

/// Every message is in its stream once, and in order, when everything is published.
async fn assert_published_once(rig: &Rig) {
    for lane in Lane::ALL {
        let deadline = Instant::now() + PATIENCE;
        while rig.length(lane) < MESSAGES {
            look_again(deadline, "too little is published").await;
        }
        assert_eq!(numbers(rig, lane), (1..=MESSAGES).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_that_die_publish_each_message_once() {
    let rig = Rig::start(Persistence::None).await;
    let tier = rig.tier();
    let publisher = tier.clone();
    let publishing = tokio::spawn(async move { publish_both(&publisher, 0..MESSAGES).await });
    while !publishing.is_finished() || rig.length(Lane::Backfill) < MESSAGES {
        let mut attendants = JoinSet::new();
        attend(&tier, &mut attendants);
        at_random(Duration::from_millis(120)).await;
        attendants.shutdown().await;
    }
    publishing.await.unwrap();
    let mut attendants = JoinSet::new();
    attend(&tier, &mut attendants);
    assert_published_once(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_relays_publish_each_message_once() {
    let rig = Rig::start(Persistence::None).await;
    let tiers: Vec<Tier> = (0..4).map(|_| rig.tier()).collect();
    let publisher = tiers[0].clone();
    let publishing = tokio::spawn(async move { publish_both(&publisher, 0..MESSAGES).await });
    let mut attending: Vec<JoinSet<()>> = Vec::new();
    while !publishing.is_finished() {
        for tier in &tiers {
            let mut attendants = JoinSet::new();
            attend(tier, &mut attendants);
            attending.push(attendants);
        }
        at_random(Duration::from_millis(200)).await;
        // Whoever leads is among those that go.
        let stay = attending.len().saturating_sub(tiers.len());
        drop(attending.drain(..stay));
    }
    publishing.await.unwrap();
    assert_published_once(&rig).await;
}

/// However much an import publishes, Redis holds a window of it, and nothing when it is done.
#[tokio::test(flavor = "multi_thread")]
async fn l6_a_backfill_stream_is_never_longer_than_its_window() {
    const WINDOW: u64 = 100;
    const BULK: u64 = 2_000;
    let mut rig = Rig::start(Persistence::None).await;
    let options = Options {
        backfill_window: WINDOW,
        ..Options::default()
    };
    let tier = open(&rig.redis.uri(), &rig.database, options);
    attend(&tier, &mut rig.attendants);
    let _unread = crate::rig::feeds(&tier, "Handler").await;
    publish(&tier, &numbered(0..BULK, Priority::Bulk)).await;
    let depth = async || tier.broker.outbox().await.unwrap().unwrap()[1].depth;
    let deadline = Instant::now() + PATIENCE;
    // What is left of the room is not worth a call.
    while depth().await > BULK - WINDOW / 2 {
        look_again(deadline, "the window is not filled").await;
    }
    assert!((WINDOW / 2..=WINDOW).contains(&rig.length(Lane::Backfill)));
    assert!(depth().await >= BULK - WINDOW);

    let engine = rig.engine(&tier, "Handler");
    let mut longest = 0;
    while rig.length(Lane::Backfill) > 0 {
        longest = longest.max(rig.length(Lane::Backfill));
        look_again(deadline, "the stream is not emptied").await;
    }
    assert!(longest <= WINDOW, "{longest} entries");
    all_handled(&tier, &["Handler"]).await;
    rig.assert_once(&tier, &["Handler"], BULK).await;
    while rig.length(Lane::Backfill) > 0 {
        look_again(deadline, "the stream is not emptied").await;
    }
    assert_eq!(depth().await, 0);
    drop(engine);
}
