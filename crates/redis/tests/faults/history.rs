//! What Redis does not hold: messages long handled by others, and those that have to overtake.

use std::time::Instant;

use protean_core::port::broker::Delivery;
use protean_core::{Lane, Priority};
use protean_services::redis::Persistence;
use protean_testing::item::{PATIENCE, commit, look_again, publication};

use crate::engine::numbered;
use crate::rig::{Rig, attend, feeds, publish, publish_both};

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
