//! Many transactions at once, on the cursors of one subscription and on one queue; and who hears of
//! them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;
use std::time::Duration;

use protean_core::port::broker::{Verdict, Wake};
use protean_core::{Lane, Priority};
use protean_postgres::{Options, Postgres};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_testing::item::{SCHEMAS, claim, ids, message, publish, settlement, subscription};
use tokio::task::JoinSet;

static SERVER: LazyLock<protean_services::Postgres> = LazyLock::new(|| {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    protean_services::Postgres::start_with(&options).unwrap()
});

/// Messages that are settled at the same moment.
const MESSAGES: usize = 32;

/// How long anybody waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Messages that are fetched at once, enough that some are taken alone.
const FETCHED_MAX: usize = 64;

/// Processes that publish at the same moment.
const PUBLISHERS: usize = 3;

/// Nobody has a cursor when they begin, and all make the first.
#[tokio::test(flavor = "multi_thread")]
async fn l9_the_first_settlements_of_a_subscription_all_count() {
    let uri = SERVER.create_database().unwrap();
    let open = || Postgres::new(&uri, Options::default()).unwrap().tier();
    let tier = open();
    tier.tables.setup(SCHEMAS).await.unwrap();
    let messages: Vec<_> = (0..MESSAGES)
        .map(|_| message(None, Priority::Bulk))
        .collect();
    publish(&tier, &messages).await;
    let mut feed = claim(&tier, "Handler").await;
    let deliveries = feed.take(Lane::Backfill, MESSAGES).await;
    let mut settling = JoinSet::new();
    for delivery in deliveries {
        // Each as another process would, so that none shares a transaction.
        let other = open();
        settling.spawn(async move {
            let commit = settlement("Handler", &delivery, Verdict::Done);
            other
                .store
                .commit(Lane::Backfill, vec![commit])
                .await
                .remove(0)
        });
    }
    for settled in settling.join_all().await {
        settled.unwrap();
    }
    let backlogs = tier.broker.backlogs(&[subscription("Handler")]).await;
    assert_eq!(backlogs.unwrap()[0][1].lag, 0);
}

/// Each of them has seen the one before it, whose process it knows nothing of.
#[tokio::test(flavor = "multi_thread")]
async fn l8_a_message_knows_the_one_before_it_in_its_key_whoever_published_that() {
    let uri = SERVER.create_database().unwrap();
    let open = || Postgres::new(&uri, Options::default()).unwrap().tier();
    open().tables.setup(SCHEMAS).await.unwrap();
    let mut publishing = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let other = open();
        publishing.spawn(async move {
            for _ in 0..MESSAGES {
                let message = message(Some("a"), Priority::Normal);
                publish(&other, &[message]).await;
            }
        });
    }
    publishing.join_all().await;
    let sql = "SELECT count(*), count(*) FILTER (WHERE previous IS DISTINCT FROM before) FROM (
        SELECT previous, lag(sequence) OVER (PARTITION BY queue, key ORDER BY sequence) AS before
        FROM protean_message) AS all_of_them";
    let expected = format!("{}|0", PUBLISHERS * MESSAGES);
    assert_eq!(SERVER.query(&uri, sql).unwrap().trim(), expected);
}

/// It has begun to listen once and for all, whoever stopped.
#[tokio::test]
async fn who_listens_after_nobody_did_hears_of_what_is_published() {
    let uri = SERVER.create_database().unwrap();
    let database = Postgres::new(&uri, Options::default()).unwrap();
    database.tier().tables.setup(SCHEMAS).await.unwrap();
    drop(database.ear());
    // Whoever would stop for want of ears does it now.
    tokio::task::yield_now().await;
    let ear = database.ear();
    let other = Postgres::new(&uri, Options::default()).unwrap().tier();
    let heard = async {
        loop {
            publish(&other, &[message(None, Priority::Normal)]).await;
            if matches!(ear.wake().await, Wake::Published(_)) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap();
}

/// Messages of one queue may be taken by themselves; what came beside them in another one is there at
/// the next fetch, for which nobody has to publish anything.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_beside_a_message_that_was_taken_alone_is_found_at_the_next_fetch() {
    let uri = SERVER.create_database().unwrap();
    let tier = Postgres::new(&uri, Options::default()).unwrap().tier();
    tier.tables.setup(SCHEMAS).await.unwrap();
    let mut feed = claim(&tier, "Handler").await;
    publish(&tier, &[message(None, Priority::Normal)]).await;
    feed.take(Lane::Primary, 1).await;
    let both = [Priority::Normal, Priority::High].map(|priority| message(None, priority));
    publish(&tier, &both).await;
    let mut listener = tier.broker.listen().await.unwrap();
    let alone = feed.fetch(Lane::Primary, FETCHED_MAX).await;
    assert_eq!(ids(&alone), [both[0].id]);
    let told = tokio::time::timeout(PATIENCE, listener.wake()).await;
    assert!(told.is_ok(), "nobody has it look again");
    let rest = feed.fetch(Lane::Primary, FETCHED_MAX).await;
    assert_eq!(ids(&rest), [both[1].id]);
}
