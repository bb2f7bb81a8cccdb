//! Redis loses what it knows, or is away.

use std::time::Duration;

use protean_core::{Lane, Priority};
use protean_services::redis::Persistence;

use crate::engine::{at_random, numbered};
use crate::rig::{Rig, feeds, publish, publish_both, stream, take};

/// Messages of each lane.
const MESSAGES: u64 = 600;

/// What happens to Redis.
type Fault = fn(&protean_services::Redis);

/// Two processes share one subscription and a third has another, while something happens to Redis
/// three times.
async fn survives(persistence: Persistence, fault: Fault) {
    let mut rig = Rig::start(persistence).await;
    let (one, other) = (rig.server(), rig.server());
    let _engines = [
        rig.engine(&one, "Shared"),
        rig.engine(&other, "Shared"),
        rig.engine(&one, "Alone"),
    ];
    let publisher = {
        let tier = one.clone();
        tokio::spawn(async move { publish_both(&tier, 0..MESSAGES).await })
    };
    for _ in 0..3 {
        at_random(Duration::from_millis(400)).await;
        tokio::task::block_in_place(|| fault(&rig.redis));
    }
    publisher.await.unwrap();
    rig.assert_once(&one, &["Shared", "Alone"], 2 * MESSAGES)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_redis_may_be_emptied_at_any_time() {
    survives(Persistence::None, |redis| redis.flush_all().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_redis_may_be_started_again_with_its_data() {
    survives(Persistence::AppendOnly, |redis| {
        redis.stop().unwrap();
        redis.start_again().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_redis_may_be_killed_and_lose_its_data() {
    survives(Persistence::None, |redis| {
        redis.kill().unwrap();
        redis.start_again().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_accepted_while_redis_is_away() {
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    let _engine = rig.engine(&tier, "Handler");
    publish_both(&tier, 0..50).await;
    tokio::task::block_in_place(|| rig.redis.kill().unwrap());
    let started = std::time::Instant::now();
    let mut published = 50;
    while started.elapsed() < Duration::from_secs(2) {
        publish_both(&tier, published..published + 10).await;
        published += 10;
        at_random(Duration::from_millis(20)).await;
    }
    let waiting = tier.broker.outbox().await.unwrap().unwrap();
    assert!(waiting.iter().all(|lane| lane.depth > 0), "{waiting:?}");
    tokio::task::block_in_place(|| rig.redis.start_again().unwrap());
    rig.assert_once(&tier, &["Handler"], 2 * published).await;
    let waiting = tier.broker.outbox().await.unwrap().unwrap();
    assert!(waiting.iter().all(|lane| lane.depth == 0), "{waiting:?}");
}

/// What a process had in its hands when Redis was emptied comes to others when that process ends.
#[tokio::test(flavor = "multi_thread")]
async fn l9_what_was_in_hand_when_redis_was_emptied_survives_its_holder() {
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    let [mut holder, other_lane] = feeds(&tier, "Handler").await;
    assert!(holder.fetch(10).await.unwrap().is_empty());
    publish(&tier, &numbered(0..20, Priority::Normal)).await;
    take(&mut *holder, 20).await;
    rig.redis.flush_all().unwrap();
    // More arrives, and the holder is told again of what it has.
    publish(&tier, &numbered(20..40, Priority::Normal)).await;
    take(&mut *holder, 20).await;
    drop((holder, other_lane));
    let other = rig.server();
    let _engine = rig.engine(&other, "Handler");
    rig.assert_once(&other, &["Handler"], 40).await;
}

/// Where one process noticed that Redis lost its data, and ended, the others know what is left to do.
#[tokio::test(flavor = "multi_thread")]
async fn l9_a_loss_that_only_a_dead_process_noticed_costs_nothing() {
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    let [mut survivor, _other_lane] = feeds(&tier, "Handler").await;
    assert!(survivor.fetch(10).await.unwrap().is_empty());
    publish(&tier, &numbered(0..300, Priority::Normal)).await;
    rig.published(Lane::Primary, 300).await;
    rig.redis.flush_all().unwrap();
    let dying = feeds(&rig.tier(), "Handler").await;
    let [mut noticed, other_lane] = dying;
    take(&mut *noticed, 10).await;
    drop((noticed, other_lane));
    assert_eq!(take(&mut *survivor, 300).await.len(), 300);
}

/// A replica that takes over may have heard less, of what was handed out and of what was
/// acknowledged: a consumer has entries that it takes for done, and knows some that it does not have.
#[tokio::test(flavor = "multi_thread")]
async fn l9_an_entry_that_its_consumer_takes_for_done_comes_again_beside_lost_ones() {
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    let [mut feed, _other_lane] = feeds(&tier, "Handler").await;
    publish(&tier, &numbered(0..4, Priority::Normal)).await;
    let taken = take(&mut *feed, 4).await;
    let stream = stream(Lane::Primary);
    let command = |words: &[&str]| rig.redis.command(words).unwrap();
    let entries = command(&["XRANGE", &stream, "-", "+"]);
    // Of each entry its identifier, then two names with their values.
    let lines: Vec<&str> = entries.lines().collect();
    let consumer = command(&["XPENDING", &stream, "Handler", "-", "+", "1"]);
    let consumer = consumer.lines().nth(1).unwrap();
    feed.settled(&[taken[0].place]).await.unwrap();
    for entry in lines.chunks(5) {
        command(&["XACK", &stream, "Handler", entry[0]]);
    }
    rig.add_again(Lane::Primary, &lines[..5]);
    let read = ["XREADGROUP", "GROUP", "Handler", consumer];
    command(&[&read[..], &["STREAMS", &*stream, ">"]].concat());
    let again = take(&mut *feed, 1).await;
    assert_eq!(again[0].message.id, taken[0].message.id);
}
