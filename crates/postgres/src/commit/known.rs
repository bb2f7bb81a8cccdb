//! Where cursors are, as far as this process knows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protean_core::Lane;
use protean_core::message::Message;
use protean_core::port::along::Since;
use protean_core::port::broker::Subscription;

use super::publish::{Queues, queue_key};
use super::settle::CursorKey;

/// How far subscriptions were when this process has last moved them. Nobody goes back, so that each
/// is there at least, unless somebody has emptied the tables, which is noticed.
#[derive(Debug, Default)]
pub(crate) struct Known {
    cursors: Mutex<HashMap<CursorKey, u64>>,
    trust: Mutex<Trust>,
}

/// Whether cursors are where this process has left them: not where others move them, too, and a
/// guess that is wrong costs a round trip.
#[derive(Debug, Default)]
struct Trust {
    pause: Duration,
    /// When the next guess is made; at once if none was wrong.
    next: Option<Instant>,
}

/// How long nothing is guessed after a guess that was wrong, at first and at most.
const DISTRUST: Duration = Duration::from_millis(100);
const DISTRUST_MAX: Duration = Duration::from_secs(10);

impl Trust {
    fn judge(&mut self, was_right: bool, now: Instant) {
        if was_right {
            return *self = Self::default();
        }
        self.pause = (self.pause * 2).clamp(DISTRUST, DISTRUST_MAX);
        self.next = Some(now + self.pause);
    }

    fn holds(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }
}

impl Known {
    fn trust(&self) -> MutexGuard<'_, Trust> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is likely that what is known is so.
    pub(super) fn is_trusted(&self) -> bool {
        self.trust().holds(Instant::now())
    }

    /// A guess was right, or not.
    pub(super) fn guessed(&self, was_right: bool) {
        self.trust().judge(was_right, Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CursorKey, u64>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to where a subscription has handled a queue, with nothing beyond it.
    pub(super) fn upto(&self, key: &CursorKey) -> Option<u64> {
        self.lock().get(key).copied()
    }

    /// Learns where cursors are now; nothing is known of one with something beyond it.
    pub(super) fn learn<'a>(&self, cursors: impl Iterator<Item = (&'a CursorKey, Option<u64>)>) {
        let mut known = self.lock();
        for (key, upto) in cursors {
            match upto {
                Some(upto) => drop(known.insert(key.clone(), upto)),
                None => drop(known.remove(key)),
            }
        }
    }

    /// Up to where a subscription has handled the queue that a message on a lane goes to.
    pub(crate) fn since(
        &self,
        queues: &Queues,
        subscription: &Subscription,
        (lane, message): (Lane, &Message),
    ) -> Option<Since> {
        let queue = queues.find(&queue_key(crate::lanes::number(lane), message))?;
        self.upto(&(subscription.name.to_string(), queue))
            .map(Since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_wrong_again_and_again_seldom_guesses() {
        let (mut trust, mut now) = (Trust::default(), Instant::now());
        assert!(trust.holds(now));
        let mut guesses = 0;
        let end = now + Duration::from_secs(60);
        while now < end {
            now += Duration::from_millis(10);
            if trust.holds(now) {
                guesses += 1;
                trust.judge(false, now);
            }
        }
        assert!((8..=16).contains(&guesses), "{guesses}");
        trust.judge(true, now);
        assert!(trust.holds(now));
    }
}
