//! What Redis does not hold: messages long handled by others, and those that have to overtake.

use std::time::Instant;

use protean_core::port::broker::Delivery;
use protean_core::{Lane, Priority};
use protean_redis::Options;
use protean_services::redis::Persistence;
use protean_testing::item::{PATIENCE, commit, look_again, publication};

use crate::engine::numbered;
use crate::rig::{Rig, attend, feeds, open, publish, publish_both, stream, take};

/// Messages of each lane.
const MESSAGES: u64 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_subscription_gets_the_whole_history_once() {
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    let engine = rig.engine(&tier, "Old");
    publish_both(&tier, 0..MESSAGES).await;
    rig.assert_once(&tier, &["Old"], 2 * MESSAGES).await;
    let deadline = Instant::now() + PATIENCE;
    while Lane::ALL.iter().any(|lane| rig.length(*lane) > 0) {
        look_again(deadline, "the streams are not trimmed").await;
    }
    let other = rig.server();
    let _new = [rig.engine(&other, "New"), rig.engine(&tier, "New")];
    publish_both(&tier, MESSAGES..MESSAGES + 50).await;
    rig.assert_once(&tier, &["Old", "New"], 2 * (MESSAGES + 50))
        .await;
    drop(engine);
}

/// Somebody adds what was there long ago: alone in its stream, and before what comes later.
#[tokio::test(flavor = "multi_thread")]
async fn l9_a_copy_of_an_old_entry_hides_nothing_from_a_new_subscription() {
    const LATER: u64 = 20;
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    publish_both(&tier, 0..MESSAGES).await;
    let deadline = Instant::now() + PATIENCE;
    while Lane::ALL.iter().any(|lane| rig.length(*lane) == 0) {
        look_again(deadline, "nothing is in the streams").await;
    }
    let first = Lane::ALL.map(|lane| {
        let range = ["XRANGE", &stream(lane), "-", "+", "COUNT", "1"];
        rig.redis.command(&range).unwrap()
    });
    let engine = rig.engine(&tier, "Old");
    rig.assert_once(&tier, &["Old"], 2 * MESSAGES).await;
    let deadline = Instant::now() + PATIENCE;
    while Lane::ALL.iter().any(|lane| rig.length(*lane) > 0) {
        look_again(deadline, "the streams are not trimmed").await;
    }
    drop(engine);
    for (lane, first) in Lane::ALL.into_iter().zip(&first) {
        rig.add_again(lane, &first.lines().collect::<Vec<_>>());
    }
    publish(&tier, &numbered(MESSAGES..MESSAGES + LATER, Priority::Bulk)).await;
    let deadline = Instant::now() + PATIENCE;
    while rig.length(Lane::Backfill) < LATER + 1 {
        look_again(deadline, "the later ones are not in the stream").await;
    }
    let _engines = ["New", "Old"].map(|name| rig.engine(&tier, name));
    rig.assert_once(&tier, &["New", "Old"], 2 * MESSAGES + LATER)
        .await;
}

/// What is critical overtakes all that is not published yet, however long it has waited.
#[tokio::test(flavor = "multi_thread")]
async fn l7_a_critical_message_overtakes_what_waits() {
    const NORMAL: u64 = 3_000;
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.tier();
    let [mut primary, _backfill] = feeds(&tier, "Handler").await;
    let normal = numbered(0..NORMAL, Priority::Normal);
    for some in normal.chunks(500) {
        commit(&tier, publication(some)).await.unwrap();
    }
    publish(&tier, &numbered(0..1, Priority::Critical)).await;
    attend(&tier, &mut rig.attendants);
    let deadline = Instant::now() + PATIENCE;
    let mut found: Vec<Delivery> = Vec::new();
    let is_critical = |one: &Delivery| one.message.priority == Priority::Critical;
    while !found.iter().any(is_critical) {
        found.extend(primary.fetch(100).await.unwrap());
        look_again(deadline, "the message is not to be had").await;
    }
    let before = found.iter().take_while(|one| !is_critical(one)).count();
    assert!(before < 100, "{before} messages came first");
}

/// What is published is little, so that what is critical later has little before it.
#[tokio::test(flavor = "multi_thread")]
async fn l7_a_critical_message_overtakes_most_of_what_is_relayed() {
    const NORMAL: u64 = 3_000;
    /// What a primary stream holds, and one fetch.
    const BEFORE_MAX: usize = 512 + 100;
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    let [mut primary, _backfill] = feeds(&tier, "Handler").await;
    let normal = numbered(0..NORMAL, Priority::Normal);
    publish(&tier, &normal).await;
    let deadline = Instant::now() + PATIENCE;
    while rig.length(Lane::Primary) < 512 {
        look_again(deadline, "the stream is not filled").await;
    }
    publish(&tier, &numbered(0..1, Priority::Critical)).await;
    let mut found: Vec<Delivery> = Vec::new();
    let is_critical = |one: &Delivery| one.message.priority == Priority::Critical;
    while !found.iter().any(is_critical) {
        let some = primary.fetch(100).await.unwrap();
        let places: Vec<_> = some.iter().map(|one| one.place).collect();
        primary.settled(&places).await.unwrap();
        found.extend(some);
        look_again(deadline, "the message is not to be had").await;
    }
    let before = found.iter().take_while(|one| !is_critical(one)).count();
    assert!(before <= BEFORE_MAX, "{before} messages came first");
}

/// Its room is given to others; should it come back, it gets what it missed.
#[tokio::test(flavor = "multi_thread")]
async fn l10_a_group_that_nobody_reads_for_stops_nobody() {
    let mut rig = Rig::start(Persistence::None).await;
    let options = Options {
        backfill_window: 100,
        ..Options::default()
    };
    let tier = open(&rig.redis.uri(), &rig.database, options);
    attend(&tier, &mut rig.attendants);
    publish_both(&tier, 0..1).await;
    let [_primary, mut backfill] = feeds(&tier, "Idle").await;
    assert_eq!(take(&mut *backfill, 1).await.len(), 1);
    drop((_primary, backfill));
    let _alive = rig.engine(&tier, "Alive");
    publish_both(&tier, 1..MESSAGES).await;
    rig.assert_once(&tier, &["Alive"], 2 * MESSAGES).await;
    let _idle = rig.engine(&tier, "Idle");
    rig.assert_once(&tier, &["Alive", "Idle"], 2 * MESSAGES)
        .await;
}
