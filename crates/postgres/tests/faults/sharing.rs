//! Processes that share a subscription: each message goes to one of them, in the order of its key
//! (L8), while they are slow, cut off, or dead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use protean_core::message::Message;
use protean_core::port::Tier;
use protean_core::port::broker::{Parking, Verdict};
use protean_core::{Lane, Priority};
use protean_testing::item::{
    PATIENCE, claim, commit, ids, lane, look_again, message, publication, publish, settlement,
    subscription,
};

use crate::engine::{Engine, Journal, all_handled, at_random, numbered};
use crate::rig::{assert_once, database, open, through};

/// Publishes messages of one lane, ten in a commit.
async fn publish_all(tier: &Tier, messages: &[Message]) {
    for some in messages.chunks(10) {
        let results = tier
            .store
            .commit(lane(&some[0]), vec![publication(some)])
            .await;
        for result in results {
            result.unwrap();
        }
    }
}

/// Publishes as many messages on each lane.
async fn publish_both(tier: &Tier, count: u64) {
    let primary = numbered(0..count, Priority::Normal);
    let backfill = numbered(0..count, Priority::Bulk);
    tokio::join!(publish_all(tier, &primary), publish_all(tier, &backfill));
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_slow_processes_that_share_a_subscription_keep_the_order_of_keys() {
    const MESSAGES: u64 = 300;
    let uri = database().await;
    let journal = Arc::<Journal>::default();
    let tiers = [(); 3].map(|()| open(&uri));
    let slowness = Duration::from_millis(10);
    let engines = tiers
        .each_ref()
        .map(|tier| Engine::start(tier, "Shared", &journal, slowness));
    publish_both(&tiers[0], MESSAGES).await;
    all_handled(&tiers[0], &["Shared"]).await;
    journal.assert_right();
    assert_once(&uri, &["Shared"], 2 * MESSAGES);
    drop(engines);
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_connections_of_consumers_may_break_at_any_time() {
    const MESSAGES: u64 = 400;
    let uri = database().await;
    let (proxy, broken) = through(&uri);
    let journal = Arc::<Journal>::default();
    let publisher = open(&uri);
    let tiers = [(); 2].map(|()| open(&broken));
    let slowness = Duration::from_millis(3);
    let engines = tiers
        .each_ref()
        .map(|tier| Engine::start(tier, "Shared", &journal, slowness));
    let publishing = publisher.clone();
    let publishing = tokio::spawn(async move { publish_both(&publishing, MESSAGES).await });
    for _ in 0..40 {
        at_random(Duration::from_millis(100)).await;
        tokio::task::block_in_place(|| proxy.cut().unwrap());
    }
    publishing.await.unwrap();
    all_handled(&publisher, &["Shared"]).await;
    journal.assert_right();
    assert_once(&uri, &["Shared"], 2 * MESSAGES);
    drop(engines);
}

/// A process that is handed messages and dies: its runtime ends, and nothing of it says goodbye.
fn die_with(uri: &str, count: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let tier = open(uri);
        let mut held = claim(&tier, "Shared").await;
        held.take(Lane::Primary, count).await;
        std::mem::forget((held, tier));
    });
    runtime.shutdown_background();
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_what_a_dead_process_had_is_taken_over_in_order() {
    const MESSAGES: u64 = 300;
    let uri = database().await;
    let tier = open(&uri);
    publish_all(&tier, &numbered(0..MESSAGES, Priority::Normal)).await;
    let dying = uri.clone();
    let died = tokio::task::spawn_blocking(move || die_with(&dying, 150));
    died.await.unwrap();
    let died = Instant::now();
    let journal = Arc::<Journal>::default();
    let tiers = [tier, open(&uri)];
    let engines = tiers
        .each_ref()
        .map(|tier| Engine::start(tier, "Shared", &journal, Duration::ZERO));
    all_handled(&tiers[0], &["Shared"]).await;
    let waited = died.elapsed();
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    journal.assert_right();
    assert_once(&uri, &["Shared"], MESSAGES);
    drop(engines);
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_a_message_set_aside_by_one_process_keeps_its_key_waiting_at_others() {
    let uri = database().await;
    let (tier, other) = (open(&uri), open(&uri));
    let keyed = [(); 2].map(|()| message(Some("k"), Priority::Normal));
    let free = message(Some("free"), Priority::Normal);
    publish(&tier, &keyed[..1]).await;
    let mut holder = claim(&tier, "Shared").await;
    let first = holder.take(Lane::Primary, 1).await.remove(0);
    let parking = Parking {
        due: Some(Timestamp::from_second(4_000_000_000).unwrap()),
        failures: 1,
        failed_first: Some(Timestamp::UNIX_EPOCH),
        error: "not now".to_owned(),
    };
    let park = settlement("Shared", &first, Verdict::Park(parking));
    commit(&tier, park).await.unwrap();
    holder.settled(&[first]).await;

    publish(&tier, &keyed[1..]).await;
    publish(&tier, std::slice::from_ref(&free)).await;
    let mut second = claim(&other, "Shared").await;
    assert_eq!(ids(&second.take(Lane::Primary, 1).await), [free.id]);
    for _ in 0..20 {
        let found = second.fetch(Lane::Primary, 10).await;
        assert!(found.is_empty(), "{found:?}");
    }
    let parked = holder.take_parked(Lane::Primary, 1).await.remove(0);
    let again = holder
        .fetch_parked(Lane::Primary, parked.position)
        .await
        .unwrap();
    commit(&tier, settlement("Shared", &again, Verdict::Done))
        .await
        .unwrap();
    assert_eq!(ids(&second.take(Lane::Primary, 1).await), [keyed[1].id]);
    let deadline = Instant::now() + PATIENCE;
    let names = [subscription("Shared")];
    while tier.broker.backlogs(&names).await.unwrap()[0][0].lag > 2 {
        look_again(deadline, "what was set aside is not handled").await;
    }
}
