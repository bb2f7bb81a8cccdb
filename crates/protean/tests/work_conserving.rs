//! L5, in a test program of its own: threads that stand back make room for those of other tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic, and uses a part of what the guarantees share"
)]

#[path = "guarantees/shop.rs"]
mod shop;

use std::time::Instant;

use protean::Priority;

use shop::World;

const MESSAGES: u32 = 500;

/// How often each lane is measured, in turn. Other work on the machine slows some of the rounds; the
/// best one says what a lane can do.
const ROUNDS: usize = 4;

/// How fast backfill has to be, compared to primary. In a build for tests the handlers' own code is
/// what takes the time, and backfill has half the threads for it, so that it may come to half. A lane
/// that rests with nobody about comes to a fraction of that.
const RATIO_MIN: f64 = 0.4;

/// Handled messages per second, on an engine that has nothing else to do.
async fn rate(priority: Priority) -> f64 {
    let world = World::new().await;
    let labels = (0..MESSAGES).map(|nth| format!("thing {nth}"));
    world.touch_all(labels, priority).await;
    let started = Instant::now();
    let engine = world.engine();
    world.settled().await;
    let took = started.elapsed();
    engine.stop().await;
    f64::from(MESSAGES) / took.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn l5_backfill_alone_is_as_fast_as_primary_alone() {
    let (mut primary, mut backfill) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        primary = primary.max(rate(Priority::Normal).await);
        backfill = backfill.max(rate(Priority::Bulk).await);
    }
    assert!(
        backfill >= RATIO_MIN * primary,
        "primary {primary:.0}/s, backfill {backfill:.0}/s"
    );
}
