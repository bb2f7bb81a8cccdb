//! What lanes mean to a file: primary work of any process goes before a backfill batch of any
//! other, however big.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use protean_core::{Lane, Priority};
use protean_sqlite::{Options, Sqlite};
use protean_testing::item::{SCHEMAS, commit, insert, message, publication};
use uuid::Uuid;

/// Commits in one batch: seconds of work for a test's build.
const BATCH: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn l2_a_primary_commit_does_not_wait_for_a_backfill_batch_of_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lanes.db");
    let importer = Sqlite::open(&path, Options::default()).unwrap().tier();
    let shop = Sqlite::open(&path, Options::default()).unwrap().tier();
    importer.tables.setup(SCHEMAS).await.unwrap();

    let batch = (0..BATCH)
        .map(|_| publication(&[message(None, Priority::Bulk)]))
        .collect();
    let store = importer.store.clone();
    let bulk = tokio::spawn(async move { store.commit(Lane::Backfill, batch).await });
    for nth in 0..20 {
        commit(&shop, insert(Uuid::now_v7(), "order", nth))
            .await
            .unwrap();
        // The importer's own process is no exception.
        commit(&importer, insert(Uuid::now_v7(), "order", nth))
            .await
            .unwrap();
    }
    assert!(
        !bulk.is_finished(),
        "forty commits waited for all of the batch"
    );
    let results = bulk.await.unwrap();
    assert_eq!(results.len(), BATCH);
    assert!(results.iter().all(Result::is_ok));
    let log = std::fs::metadata(path.with_extension("db-wal"))
        .unwrap()
        .len();
    assert!(log < 256 * 1024 * 1024, "the log has grown to {log} bytes");
}
