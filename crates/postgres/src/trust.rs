//! Whether it pays to guess.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing is guessed after a guess that was wrong, at first and at most.
const DISTRUST: Duration = Duration::from_millis(100);
const DISTRUST_MAX: Duration = Duration::from_secs(10);

/// Whether things are as this process believes: not where others are at the same, too, and a guess
/// that is wrong costs a round trip.
#[derive(Debug, Default)]
pub(crate) struct Trust(Mutex<Guesses>);

impl Trust {
    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is likely that a guess is right.
    pub(crate) fn holds(&self) -> bool {
        self.guesses().hold(Instant::now())
    }

    /// A guess was right, or not.
    pub(crate) fn judge(&self, was_right: bool) {
        self.guesses().judge(was_right, Instant::now());
    }
}

#[derive(Debug, Default)]
struct Guesses {
    pause: Duration,
    /// When the next guess is made; at once if none was wrong.
    next: Option<Instant>,
}

impl Guesses {
    fn judge(&mut self, was_right: bool, now: Instant) {
        if was_right {
            return *self = Self::default();
        }
        self.pause = (self.pause * 2).clamp(DISTRUST, DISTRUST_MAX);
        self.next = Some(now + self.pause);
    }

    fn hold(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_wrong_again_and_again_seldom_guesses() {
        let (mut trust, mut now) = (Guesses::default(), Instant::now());
        assert!(trust.hold(now));
        let mut guesses = 0;
        let end = now + Duration::from_secs(60);
        while now < end {
            now += Duration::from_millis(10);
            if trust.hold(now) {
                guesses += 1;
                trust.judge(false, now);
            }
        }
        assert!((8..=16).contains(&guesses), "{guesses}");
        trust.judge(true, now);
        assert!(trust.hold(now));
    }
}
