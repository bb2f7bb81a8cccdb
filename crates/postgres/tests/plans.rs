//! What statements read, however little was known of the tables when they were planned.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Instant;

use protean_core::config::CrossLaneOrder;
use protean_core::port::Tier;
use protean_core::{Lane, Priority};
use protean_postgres::{Options, Postgres};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_testing::item::{
    PATIENCE, SCHEMAS, claim, claim_in_order, look_again, message, publish,
};

/// Messages that are there when a connection plans its statements: so few that any index would do,
/// and that by the queue is the smaller one.
const FEW: usize = 200;

/// Messages that are there later.
const MANY: usize = 3_000;

/// Messages that are published one by one by then.
const KEYED: usize = 20;

/// A database server of a test's own, and the place of a database there.
fn start() -> (protean_services::Postgres, String) {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    let server = protean_services::Postgres::start_with(&options).unwrap();
    let uri = server.create_database().unwrap();
    (server, uri)
}

fn open(uri: &str) -> Tier {
    Postgres::new(uri, Options::default()).unwrap().tier()
}

/// Publishes messages with keys of their own, so many at once.
async fn publish_keyed(
    tier: &Tier,
    (name, priority): (&str, Priority),
    (count, at_once): (usize, usize),
) {
    let keys = (0..count).map(|nth| format!("a key as long as an identifier: {name} {nth}"));
    let messages: Vec<_> = keys.map(|key| message(Some(&key), priority)).collect();
    for some in messages.chunks(at_once) {
        publish(tier, some).await;
    }
}

/// How many entries of the indexes of messages by queue and by position were read, as soon as that
/// by keys was asked so often.
async fn read_beside_keys(server: &protean_services::Postgres, uri: &str, asked: u64) -> u64 {
    let counted = |what: &str, index: &str| -> u64 {
        let sql = format!(
            "SELECT {what} FROM pg_stat_user_indexes
             WHERE indexrelname = 'protean_message_{index}'"
        );
        server.query(uri, &sql).unwrap().parse().unwrap()
    };
    let deadline = Instant::now() + PATIENCE;
    while counted("idx_scan", "key") < asked {
        look_again(deadline, "what was read is not counted").await;
    }
    counted("idx_tup_read", "queue") + counted("idx_tup_read", "pkey")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_new_key_reads_nothing_of_its_queue() {
    let (server, uri) = start();
    let (crowd, late) = (open(&uri), open(&uri));
    crowd.tables.setup(SCHEMAS).await.unwrap();
    publish_keyed(&crowd, ("few", Priority::Normal), (FEW, FEW)).await;
    publish_keyed(&late, ("first", Priority::Normal), (1, 1)).await;
    publish_keyed(&crowd, ("many", Priority::Normal), (MANY, FEW)).await;
    publish_keyed(&late, ("later", Priority::Normal), (KEYED, 1)).await;
    // A connection counts what it has read when it ends, at the latest.
    drop((crowd, late));
    let read = read_beside_keys(&server, &uri, KEYED as u64).await;
    assert!(read < MANY as u64, "{read} entries were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_for_what_goes_before_does_not_read_all_that_waits() {
    let (server, uri) = start();
    let (crowd, late) = (open(&uri), open(&uri));
    crowd.tables.setup(SCHEMAS).await.unwrap();
    let mut held = claim_in_order(&late, "Handler", CrossLaneOrder::PerKey).await;
    for (name, count) in [("few", FEW), ("many", MANY)] {
        publish_keyed(&crowd, (name, Priority::Bulk), (count, FEW)).await;
        publish_keyed(&crowd, (name, Priority::Normal), (KEYED, 1)).await;
        let urgent = held.take(Lane::Primary, KEYED).await;
        for one in &urgent {
            let ahead = held.ahead(std::slice::from_ref(one)).await;
            assert_eq!(ahead.deliveries.len(), 1, "each has one before it");
        }
    }
    drop((crowd, late, held));
    let read = read_beside_keys(&server, &uri, 2 * KEYED as u64).await;
    assert!(read < (2 * MANY) as u64, "{read} entries were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_messages_reads_no_others() {
    let (server, uri) = start();
    let (crowd, late) = (open(&uri), open(&uri));
    crowd.tables.setup(SCHEMAS).await.unwrap();
    let mut held = claim(&late, "Handler").await;
    publish_keyed(&crowd, ("few", Priority::Normal), (KEYED, KEYED)).await;
    held.take(Lane::Primary, KEYED).await;
    publish_keyed(&crowd, ("many", Priority::Normal), (MANY, FEW)).await;
    for _ in 0..KEYED {
        held.take(Lane::Primary, FEW / KEYED).await;
    }
    drop((crowd, late, held));
    let read = read_beside_keys(&server, &uri, 1).await;
    assert!(read < MANY as u64, "{read} entries were read");
}
