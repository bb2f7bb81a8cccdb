//! What statements read, however little was known of the tables when they were planned.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Instant;

use protean_core::Priority;
use protean_core::port::Tier;
use protean_postgres::{Options, Postgres};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_testing::item::{PATIENCE, SCHEMAS, look_again, message, publish};

/// Messages that are there when a connection plans its statements: so few that any index would do,
/// and that by the queue is the smaller one.
const FEW: usize = 200;

/// Messages that are there later.
const MANY: usize = 3_000;

/// Messages that are published one by one by then.
const KEYED: usize = 20;

/// Publishes messages with keys of their own, so many at once.
async fn publish_keyed(tier: &Tier, name: &str, (count, at_once): (usize, usize)) {
    let keys = (0..count).map(|nth| format!("a key as long as an identifier: {name} {nth}"));
    let messages: Vec<_> = keys
        .map(|key| message(Some(&key), Priority::Normal))
        .collect();
    for some in messages.chunks(at_once) {
        publish(tier, some).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_new_key_reads_nothing_of_its_queue() {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    let server = protean_services::Postgres::start_with(&options).unwrap();
    let uri = server.create_database().unwrap();
    let open = || Postgres::new(&uri, Options::default()).unwrap().tier();
    let (crowd, late) = (open(), open());
    crowd.tables.setup(SCHEMAS).await.unwrap();
    publish_keyed(&crowd, "few", (FEW, FEW)).await;
    publish_keyed(&late, "first", (1, 1)).await;
    publish_keyed(&crowd, "many", (MANY, FEW)).await;
    publish_keyed(&late, "later", (KEYED, 1)).await;
    // A connection counts what it has read when it ends, at the latest.
    drop((crowd, late));

    let counted = |index: &str, column: &str| -> u64 {
        let sql = format!(
            "SELECT {column} FROM pg_stat_user_indexes WHERE indexrelname = 'protean_message_{index}'"
        );
        server.query(&uri, &sql).unwrap().parse().unwrap()
    };
    let deadline = Instant::now() + PATIENCE;
    while counted("key", "idx_scan") < KEYED as u64 {
        look_again(deadline, "what was read is not counted").await;
    }
    let read = counted("queue", "idx_tup_read");
    assert!(read < MANY as u64, "{read} entries of the queue were read");
}
