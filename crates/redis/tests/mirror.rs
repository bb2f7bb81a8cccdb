//! Dead-letter streams follow the dead letters.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Instant;

use jiff::Timestamp;
use protean_core::port::broker::{Death, Verdict};
use protean_core::port::dead_letters::Filter;
use protean_core::{Lane, Priority};
use protean_postgres::Postgres;
use protean_redis::{Options, Redis};
use protean_testing::item::{
    PATIENCE, SCHEMAS, STREAM, claim, commit, look_again, message, publish, settlement,
};

/// Waits until the dead-letter stream of the backfill lane is this long; what it holds.
async fn copies(redis: &protean_services::Redis, length: usize) -> String {
    let key = format!("{STREAM}:backfill:dlq");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = redis.command(&["XLEN", &key]).unwrap();
        if found.trim() == length.to_string() {
            return redis.command(&["XRANGE", &key, "-", "+"]).unwrap();
        }
        look_again(
            deadline,
            &format!("expected {length} copies, found {found}"),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l10_what_is_given_up_is_copied_and_what_is_replayed_is_not_there_any_more() {
    let postgres = protean_services::Postgres::start().unwrap();
    let redis = protean_services::Redis::start(Default::default()).unwrap();
    let database = postgres.create_database().unwrap();
    let database = Postgres::new(&database, protean_postgres::Options::default()).unwrap();
    let tier = Redis::new(&redis.uri(), database, Options::default())
        .unwrap()
        .tier();
    tier.tables.setup(SCHEMAS).await.unwrap();
    for lane in Lane::ALL {
        let broker = tier.broker.clone();
        tokio::spawn(async move { broker.attend(lane).await });
    }
    publish(&tier, &[message(Some("a"), Priority::Bulk)]).await;
    let mut feed = claim(&tier, "Handler").await;
    let delivery = feed.take(Lane::Backfill, 1).await.remove(0);
    let death = Verdict::Dead(Death {
        attempts: 3,
        failed_first: Timestamp::UNIX_EPOCH,
        failed_last: Timestamp::from_second(7).unwrap(),
        error: "no such warehouse".to_owned(),
    });
    commit(&tier, settlement("Handler", &delivery, death))
        .await
        .unwrap();
    feed.settled(&[delivery]).await;
    let copy = copies(&redis, 1).await;
    for part in ["_dlq_metadata", "no such warehouse", "suite::item:backfill"] {
        assert!(copy.contains(part), "{part}: {copy}");
    }
    let replayed = tier.dead_letters.replay(&Filter::default()).await;
    assert_eq!(replayed.unwrap(), 1);
    copies(&redis, 0).await;
}
