//! What is committed alone is carried to Redis by whoever commits it, beside the relays.

use std::time::{Duration, Instant};

use protean_core::message::Message;
use protean_core::port::Tier;
use protean_core::{Lane, Priority};
use protean_services::redis::Persistence;
use protean_testing::item::{PATIENCE, commit, look_again, publication};
use tokio::task::JoinSet;

use crate::engine::{at_random, numbered};
use crate::relays::numbers;
use crate::rig::{Rig, attend, publish};

/// Processes that commit one message after another.
const PUBLISHERS: u64 = 3;

/// Messages of each of them.
const MESSAGES: u64 = 100;

/// Commits each message by itself.
async fn publish_one_by_one(tier: &Tier, messages: &[Message]) {
    for one in messages {
        let alone = std::slice::from_ref(one);
        commit(tier, publication(alone)).await.unwrap();
    }
}

/// How long it takes at most to carry a message, on a machine that is busy with other tests.
const CARRIED_WITHIN: Duration = Duration::from_secs(2);

/// Whether the primary stream comes to have so many messages in time.
async fn is_published(rig: &Rig, upto: u64, within: Duration) -> bool {
    let published = async {
        let deadline = Instant::now() + PATIENCE;
        while rig.length(Lane::Primary) < upto {
            look_again(deadline, "too little is published").await;
        }
    };
    tokio::time::timeout(within, published).await.is_ok()
}

/// The primary stream has the messages up to this one, each once and in order.
async fn assert_published(rig: &Rig, upto: u64) {
    assert!(
        is_published(rig, upto, PATIENCE).await,
        "too little is published"
    );
    let all: Vec<u64> = (1..=upto).collect();
    assert_eq!(numbers(rig, Lane::Primary), all);
}

/// Publishes messages until one is carried, and says how many that were. Whoever has not reached
/// Redis yet, or not in time, leaves them to a relay.
async fn until_one_is_carried(rig: &Rig, tier: &Tier, messages: &[Message]) -> u64 {
    let mut upto = 0;
    for pair in messages.chunks(2) {
        let mut attendants = JoinSet::new();
        attend(tier, &mut attendants);
        publish_one_by_one(tier, &pair[..1]).await;
        assert_published(rig, upto + 1).await;
        attendants.shutdown().await;
        publish_one_by_one(tier, &pair[1..]).await;
        upto += 2;
        if is_published(rig, upto, CARRIED_WITHIN).await {
            return upto;
        }
    }
    panic!("none of {upto} messages is carried");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_alone_needs_no_relay() {
    let rig = Rig::start(Persistence::None).await;
    let tier = rig.tier();
    let all = numbered(0..20, Priority::Normal);
    let carried = until_one_is_carried(&rig, &tier, &all).await;
    assert_published(&rig, carried).await;

    // What is committed together waits for a relay, and what comes after it has to wait as well.
    let rest = numbered(carried..carried + 15, Priority::Normal);
    publish(&tier, &rest[..10]).await;
    publish_one_by_one(&tier, &rest[10..]).await;
    let before: Vec<u64> = (1..=carried).collect();
    assert_eq!(numbers(&rig, Lane::Primary), before);
    let mut attendants = JoinSet::new();
    attend(&tier, &mut attendants);
    assert_published(&rig, carried + 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_told_by_a_relay_where_a_queue_begins() {
    let rig = Rig::start(Persistence::None).await;
    let tier = rig.tier();
    let all = numbered(0..3, Priority::Normal);
    publish_one_by_one(&tier, &all[..2]).await;
    assert_eq!(rig.length(Lane::Primary), 0);
    let mut attendants = JoinSet::new();
    attend(&tier, &mut attendants);
    publish_one_by_one(&tier, &all[2..]).await;
    assert_published(&rig, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_who_commits_and_relays_that_die_publish_each_message_once_and_in_order() {
    let rig = Rig::start(Persistence::None).await;
    let mut publishing = JoinSet::new();
    for nth in 0..PUBLISHERS {
        let tier = rig.tier();
        let own = numbered(nth * MESSAGES..(nth + 1) * MESSAGES, Priority::Normal);
        publishing.spawn(async move { publish_one_by_one(&tier, &own).await });
    }
    let tier = rig.tier();
    let mut attendants = JoinSet::new();
    while !publishing.is_empty() {
        while let Some(ended) = publishing.try_join_next() {
            ended.unwrap();
        }
        attend(&tier, &mut attendants);
        at_random(Duration::from_millis(60)).await;
        attendants.shutdown().await;
    }
    attend(&tier, &mut attendants);
    assert_published(&rig, PUBLISHERS * MESSAGES).await;
}
