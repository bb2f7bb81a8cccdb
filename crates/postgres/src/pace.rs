//! Room for production: backfill rests while primary work is about.
//!
//! The server's processes cannot be told which of them works for an import. What can be told is how
//! much they are given to do: while production is about, backfill transactions are short and one at
//! a time, and each is followed by a rest that is longer than it was. Whoever places an order finds
//! a processor free, or one that soon is. With nobody about, backfill runs at full speed (L5).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long after its last sign production counts as about.
const ABOUT: Duration = Duration::from_secs(1);

/// Turns that backfill rests for each that it had, while production is about: the server and the
/// importer do so each, which leaves a processor of two to production most of the time.
const REST_TURNS: u32 = 1;

/// The longest rest: a turn that took long because the database was away says nothing about load.
const REST_MAX: Duration = Duration::from_millis(100);

/// When production was seen last.
#[derive(Debug, Default)]
pub struct Pace {
    began: OnceLock<Instant>,
    /// Milliseconds after the beginning, plus one; 0 while production was never seen.
    seen: AtomicU64,
}

impl Pace {
    /// Production is about.
    pub(crate) fn see_primary(&self) {
        self.seen.store(self.now_ms() + 1, Ordering::Relaxed);
    }

    /// Whether production is about.
    #[must_use]
    pub fn primary_is_about(&self) -> bool {
        let seen = self.seen.load(Ordering::Relaxed);
        let about_ms = u64::try_from(ABOUT.as_millis()).unwrap_or(u64::MAX);
        seen > 0 && self.now_ms().saturating_sub(seen) < about_ms
    }

    /// Rests after a turn of backfill that took this long, while production is about.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn rest(&self, turn: Duration) {
        if self.primary_is_about() {
            // sleep: the rest is the point
            tokio::time::sleep((turn * REST_TURNS).min(REST_MAX)).await;
        }
    }

    fn now_ms(&self) -> u64 {
        let began = self.began.get_or_init(Instant::now);
        u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn backfill_rests_only_while_production_is_about() {
        let pace = Pace::default();
        let turn = Duration::from_millis(7);
        let before = tokio::time::Instant::now();
        pace.rest(turn).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        pace.see_primary();
        assert!(pace.primary_is_about());
        pace.rest(turn).await;
        assert!(before.elapsed() >= turn * REST_TURNS);
        let before = tokio::time::Instant::now();
        pace.see_primary();
        pace.rest(Duration::from_secs(60)).await;
        assert!(before.elapsed() <= REST_MAX + Duration::from_millis(2));
    }
}
