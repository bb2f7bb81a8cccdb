//! Cursors: many transactions that settle messages of one subscription at once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;

use protean_core::port::broker::Verdict;
use protean_core::{Lane, Priority};
use protean_postgres::{Options, Postgres};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_testing::item::{SCHEMAS, claim, message, publish, settlement, subscription};
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
