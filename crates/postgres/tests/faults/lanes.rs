//! What lanes mean to a database: primary work of any process goes before a backfill batch of any
//! other, however big (L2).

use protean_core::{Lane, Priority};
use protean_testing::item::{commit, insert, message, publication};
use uuid::Uuid;

use crate::rig::{database, open};

/// Commits in one batch: seconds of work for a test's build.
const BATCH: usize = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn l2_a_primary_commit_does_not_wait_for_a_backfill_batch_of_another_process() {
    let uri = database().await;
    let (importer, shop) = (open(&uri), open(&uri));
    let batch = (0..BATCH)
        .map(|_| publication(&[message(None, Priority::Bulk)]))
        .collect();
    let store = importer.store.clone();
    let bulk = tokio::spawn(async move { store.commit(Lane::Backfill, batch).await });
    for nth in 0..20 {
        let order = insert(Uuid::now_v7(), "order", nth);
        commit(&shop, order).await.unwrap();
        // The importer's own process is no exception.
        let order = insert(Uuid::now_v7(), "order", nth);
        commit(&importer, order).await.unwrap();
    }
    assert!(
        !bulk.is_finished(),
        "forty commits waited for all of the batch"
    );
    let results = bulk.await.unwrap();
    assert_eq!(results.len(), BATCH);
    assert!(results.iter().all(Result::is_ok));
}
