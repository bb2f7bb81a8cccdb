//! Processes that die with messages in their hands, and some that only seem to.

use std::time::{Duration, Instant};

use protean_core::Priority;
use protean_core::port::Tier;
use protean_core::port::broker::{Claim, Delivery};
use protean_redis::Options;
use protean_services::redis::Persistence;
use protean_testing::item::look_again;

use crate::engine::numbered;
use crate::rig::{Rig, feeds, open, publish, take};

/// Messages of each test.
const MESSAGES: u64 = 300;

/// A process that is handed messages and dies: its runtime ends, and nothing of it says goodbye.
fn die_with(redis: String, database: String, count: usize) -> Vec<Delivery> {
    let died = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handed = runtime.block_on(async {
            let tier = open(&redis, &database, Options::default());
            let [mut primary, backfill] = feeds(&tier, "Handler").await;
            let handed = take(&mut *primary, count).await;
            std::mem::forget((primary, backfill, tier));
            handed
        });
        runtime.shutdown_background();
        handed
    });
    died.join().unwrap()
}

/// Feeds of a process that was handed ten messages.
async fn busy(tier: &Tier) -> Claim {
    publish(tier, &numbered(0..10, Priority::Normal)).await;
    let mut feeds = feeds(tier, "Handler").await;
    assert_eq!(take(&mut *feeds[0], 10).await.len(), 10);
    feeds
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_what_a_dead_process_had_is_taken_over_in_order() {
    let mut rig = Rig::start(Persistence::None).await;
    let tier = rig.server();
    publish(&tier, &numbered(0..MESSAGES, Priority::Normal)).await;
    let (redis, database) = (rig.redis.uri(), rig.database.clone());
    let count = usize::try_from(MESSAGES / 2).unwrap();
    let handed = tokio::task::spawn_blocking(move || die_with(redis, database, count));
    let handed = handed.await.unwrap();
    assert!(handed.len() >= count);
    let died = Instant::now();
    let _engines = [
        rig.engine(&tier, "Handler"),
        rig.engine(&rig.tier(), "Handler"),
    ];
    rig.assert_once(&tier, &["Handler"], MESSAGES).await;
    let waited = died.elapsed();
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

/// A process that stops says so, and nobody waits until it counts as dead.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopping_process_had_is_taken_over_at_once() {
    let mut rig = Rig::start(Persistence::None).await;
    let (tier, other) = (rig.server(), rig.server());
    let stopping = busy(&tier).await;
    let [mut next, _backfill] = feeds(&other, "Handler").await;
    assert!(next.fetch(10).await.unwrap().is_empty());
    drop(stopping);
    let stopped = Instant::now();
    tier.broker.release().await.unwrap();
    assert_eq!(take(&mut *next, 10).await.len(), 10);
    let waited = stopped.elapsed();
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}

/// A process that is busy with what it has, and asks for no more, is alive.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_process_keeps_what_it_was_handed() {
    let mut rig = Rig::start(Persistence::None).await;
    let (tier, other) = (rig.server(), rig.server());
    let _busy = busy(&tier).await;
    let [mut idle, _backfill] = feeds(&other, "Handler").await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(6) {
        let found = idle.fetch(10).await.unwrap();
        assert!(
            found.is_empty(),
            "{} after {:?}",
            found.len(),
            started.elapsed()
        );
        look_again(deadline, "the clock stands still").await;
    }
}
