//! Holding an import to a rate.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::chunk::CHUNK_COMMANDS;
use crate::throttle::Rate;

/// Chunks per second at a rate: each is small enough that the rate is kept evenly.
const CHUNKS_PER_SECOND: f64 = 10.0;

/// How many rows are submitted, and when.
pub(super) struct Pace {
    rate: Option<Rate>,
    due: Instant,
}

impl Pace {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            due: Instant::now(),
        }
    }

    /// How many rows go together.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a rate is positive, and cut to a small number"
    )]
    pub(super) fn chunk_rows(&self) -> usize {
        let at_rate = |rate: Rate| (rate.messages_per_second() / CHUNKS_PER_SECOND) as usize;
        self.rate.map_or(CHUNK_COMMANDS, |rate| {
            at_rate(rate).clamp(1, CHUNK_COMMANDS)
        })
    }

    /// How long it is until the next chunk may go.
    pub(super) fn rest(&self) -> Option<Duration> {
        let rest = self.due.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    /// So many rows go now; what was missed before is not made up for.
    #[allow(clippy::cast_precision_loss, reason = "a chunk is small")]
    pub(super) fn go(&mut self, rows: usize) {
        if let Some(rate) = self.rate {
            let takes = Duration::from_secs_f64(rows as f64 / rate.messages_per_second());
            self.due = self.due.max(Instant::now()) + takes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_and_never_made_up_for() {
        let mut pace = Pace::new(Some(Rate::per_second(50.0).unwrap()));
        assert_eq!((pace.chunk_rows(), pace.rest()), (5, None));
        pace.go(5);
        assert_eq!(pace.rest(), Some(Duration::from_millis(100)));
        tokio::time::advance(Duration::from_secs(9)).await;
        pace.go(5);
        assert_eq!(pace.rest(), Some(Duration::from_millis(100)));
        assert_eq!(Pace::new(None).chunk_rows(), CHUNK_COMMANDS);
    }
}
