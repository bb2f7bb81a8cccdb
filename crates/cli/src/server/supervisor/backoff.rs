//! How long a worker that ended is mourned.

use std::time::Duration;

/// The first pause: long enough that a worker which dies at once does not fill the log.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause: what mends itself, such as a full disk, is noticed about as soon as a person
/// would.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A worker that ran for so long did not die of how it was started.
const HEALTHY: Duration = Duration::from_secs(30);

/// The pauses before the next worker is started; each twice as long as the one before.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    /// The pause after a worker that ran for so long; none after the first.
    pub(super) fn pause_after(&mut self, ran: Duration) -> Duration {
        if ran >= HEALTHY {
            self.next = Duration::ZERO;
        }
        let pause = self.next;
        self.next = (pause * 2).clamp(PAUSE, PAUSE_MAX);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_begin_anew_after_a_healthy_life() {
        let mut backoff = Backoff::default();
        let mut pause = |ran| backoff.pause_after(Duration::from_secs(ran)).as_millis();
        let pauses: Vec<_> = (0..10).map(|_| pause(0)).collect();
        assert_eq!(
            pauses,
            [0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]
        );
        assert_eq!(pause(29), 10_000);
        assert_eq!([pause(30), pause(1), pause(30)], [0, 100, 0]);
    }
}
