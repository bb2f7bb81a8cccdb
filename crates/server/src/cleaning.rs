//! Removing what is old and done with, at a pace that nobody notices.
//!
//! A sweep goes through a kind of rows, a few at a time, and rests in between for a multiple of what
//! those took: it has a small part of one thread, and of what the store can write, however much there
//! is to do. What it writes it writes as backfill work, which makes room for production (L2, L4).

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use protean_core::config::{Age, Retention as Ages};
use protean_core::port::broker::Subscription;
use protean_core::port::retention::{Due, Kind, Row, Sweep};
use protean_core::port::{self, Retention};

/// A rest is so many times as long as the work before it.
const RESTS: u32 = 4;

/// The longest rest: after that a store that was slow may be fast again.
const REST_MAX: Duration = Duration::from_secs(1);

/// What is done with rows that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are removed.
    Remove,
    /// They are counted, without rests, since nothing is written.
    Count,
}

/// The sweep through a kind that is due now; `None` where it is kept for ever.
#[must_use]
pub fn sweep(kind: Kind, ages: &Ages, subscriptions: &[Subscription]) -> Option<Sweep> {
    let Age::After(age) = ages.age(kind) else {
        return None;
    };
    let age = SignedDuration::try_from(age).ok()?;
    Some(Sweep {
        kind,
        before: Timestamp::now().checked_sub(age).ok()?,
        subscriptions: subscriptions.to_vec(),
    })
}

/// Sweeps once; says how many rows it removed or, when it counts, would remove. `told` hears of them
/// as they go.
///
/// # Errors
/// When the store cannot answer; what was removed until then is.
///
/// # Cancel safety
/// Dropping the future ends the sweep, and costs nothing.
pub async fn run(
    retention: &dyn Retention,
    sweep: &Sweep,
    mode: Mode,
    told: impl Fn(u64) + Send,
) -> Result<u64, port::Error> {
    let (mut total, mut after) = (0, None);
    loop {
        let started = Instant::now();
        let Due { rows, next } = retention.due(sweep, after.as_ref()).await?;
        total += match mode {
            Mode::Count => rows.len() as u64,
            Mode::Remove => {
                rest(started.elapsed()).await;
                remove(retention, sweep, &rows, &told).await?
            }
        };
        if next.is_none() {
            return Ok(total);
        }
        after = next;
    }
}

async fn remove(
    retention: &dyn Retention,
    sweep: &Sweep,
    mut rows: &[Row],
    told: &impl Fn(u64),
) -> Result<u64, port::Error> {
    let mut total = 0;
    while !rows.is_empty() {
        let started = Instant::now();
        let removed = retention.remove(sweep, rows).await?;
        rows = &rows[removed.passed.clamp(1, rows.len())..];
        total += removed.removed;
        told(removed.removed);
        rest(started.elapsed()).await;
    }
    Ok(total)
}

async fn rest(work: Duration) {
    // sleep: cleaning has a small part of the time
    tokio::time::sleep((work * RESTS).min(REST_MAX)).await;
}
