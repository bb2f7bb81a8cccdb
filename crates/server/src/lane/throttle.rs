//! What operators let through of the backfill lane: nothing, or so many messages per second.

use std::time::Duration;

use protean_core::throttle::{Rate, Throttle};

use super::number::{float, whole};

/// How much of a second's messages may be made up for at once, when there was nothing to do or no
/// slot free: a tenth.
const BURSTS_PER_SECOND: f64 = 10.0;

/// How much of a second's messages is waited for before any is let through: a hundredth. One by
/// one they would cost a commit each.
const PORTIONS_PER_SECOND: f64 = 100.0;

/// How much of a limited lane is read ahead: what is let through in a second. More would only be
/// kept from other processes that have their part of the rate.
const READ_AHEAD_SECONDS: f64 = 1.0;

/// What is missing of a token when there is one but for rounding.
const ROUNDING: f64 = 1e-6;

/// A throttle that some subscriptions share.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// What is let through of all of them together.
    pub throttle: Throttle,
    /// The subscriptions.
    pub subscriptions: Vec<usize>,
}

/// The throttles of a scheduler. A message passes when each that its subscription is under lets it.
#[derive(Debug, Default)]
pub(super) struct Throttles {
    valves: Vec<Valve>,
}

#[derive(Debug)]
struct Valve {
    shared: Shared,
    /// What is left of the rate; unused when there is none.
    bucket: Bucket,
}

/// Tokens, one for each message, which come in at a rate.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    rate: f64,
    tokens: f64,
    filled: Duration,
}

impl Throttles {
    /// Replaces all throttles. A rate that changes keeps what has come in so far.
    pub(super) fn replace(&mut self, now: Duration, all: Vec<Shared>, claimed: &[bool]) {
        self.fill(now);
        let before = std::mem::take(&mut self.valves);
        let valve = |shared: Shared| {
            let known = before.iter().find(|valve| {
                valve.shared.subscriptions == shared.subscriptions
                    && valve.shared.throttle.rate().is_some()
            });
            let bucket = known.map_or_else(|| Bucket::empty(now), |valve| valve.bucket);
            Valve { shared, bucket }
        };
        self.valves = all.into_iter().map(valve).collect();
        self.divide(claimed);
    }

    /// A rate is for all subscriptions that share it; this process has its part for those that are
    /// claimed here.
    pub(super) fn divide(&mut self, claimed: &[bool]) {
        for valve in &mut self.valves {
            let Shared {
                throttle,
                subscriptions,
            } = &valve.shared;
            let own = subscriptions.iter().filter(|known| claimed[**known]);
            let part = float(own.count()) / float(subscriptions.len().max(1));
            let rate = throttle.rate().map_or(0.0, Rate::messages_per_second);
            valve.bucket.set_rate(rate * part);
        }
    }

    /// Lets in what has come in by now.
    pub(super) fn fill(&mut self, now: Duration) {
        for valve in &mut self.valves {
            valve.bucket.fill(now);
        }
    }

    /// Whether nothing is let through of a subscription.
    pub(super) fn is_shut(&self, subscription: usize) -> bool {
        self.over(subscription)
            .any(|valve| valve.shared.throttle == Throttle::Paused)
    }

    /// How many messages of a subscription may start now.
    pub(super) fn allowance(&self, subscription: usize) -> usize {
        let allowances = self.over(subscription).map(Valve::allowance);
        allowances.min().unwrap_or(usize::MAX)
    }

    /// How many messages of a subscription are worth having in memory.
    pub(super) fn read_ahead(&self, subscription: usize) -> usize {
        let all = self.over(subscription).map(Valve::read_ahead);
        all.min().unwrap_or(usize::MAX)
    }

    /// When the next message of a subscription may start, if that is a matter of time.
    pub(super) fn next(&self, subscription: usize) -> Option<Duration> {
        if self.allowance(subscription) > 0 || self.is_shut(subscription) {
            return None;
        }
        let limited = self
            .over(subscription)
            .filter(|valve| valve.shared.throttle.rate().is_some());
        limited.map(|valve| valve.bucket.next()).max()
    }

    /// So many messages of a subscription start.
    pub(super) fn started(&mut self, subscription: usize, count: usize) {
        for valve in self.over_mut(subscription) {
            valve.bucket.take(count);
        }
    }

    /// So many of those that started were not run after all.
    pub(super) fn unrun(&mut self, subscription: usize, count: usize) {
        for valve in self.over_mut(subscription) {
            valve.bucket.give_back(count);
        }
    }

    fn over(&self, subscription: usize) -> impl Iterator<Item = &Valve> {
        let over = move |valve: &&Valve| valve.shared.subscriptions.contains(&subscription);
        self.valves.iter().filter(over)
    }

    fn over_mut(&mut self, subscription: usize) -> impl Iterator<Item = &mut Valve> {
        let over = move |valve: &&mut Valve| valve.shared.subscriptions.contains(&subscription);
        self.valves.iter_mut().filter(over)
    }
}

impl Valve {
    fn allowance(&self) -> usize {
        match self.shared.throttle {
            Throttle::Running => usize::MAX,
            Throttle::Limited(_) => self.bucket.allowance(),
            Throttle::Paused => 0,
        }
    }

    fn read_ahead(&self) -> usize {
        match self.shared.throttle {
            Throttle::Running => usize::MAX,
            Throttle::Limited(_) => self.bucket.read_ahead(),
            Throttle::Paused => 0,
        }
    }
}

impl Bucket {
    fn empty(now: Duration) -> Self {
        Self {
            filled: now,
            ..Self::default()
        }
    }

    /// The most tokens that it holds.
    fn burst(&self) -> f64 {
        self.portion() + self.rate / BURSTS_PER_SECOND
    }

    /// The fewest that are given away.
    fn portion(&self) -> f64 {
        (self.rate / PORTIONS_PER_SECOND).max(1.0)
    }

    fn read_ahead(&self) -> usize {
        whole((self.rate * READ_AHEAD_SECONDS).ceil().max(1.0))
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
        self.tokens = self.tokens.min(self.burst());
    }

    fn fill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.filled).as_secs_f64();
        self.tokens = elapsed.mul_add(self.rate, self.tokens).min(self.burst());
        self.filled = self.filled.max(now);
    }

    fn allowance(&self) -> usize {
        let tokens = self.tokens + ROUNDING;
        if tokens < self.portion() {
            return 0;
        }
        whole(tokens)
    }

    /// When there is a portion; never, at a rate of nothing.
    fn next(&self) -> Duration {
        const NANOS_PER_SECOND: f64 = 1e9;
        let missing = (self.portion() - self.tokens).max(0.0);
        // Rounded up: whoever wakes too early sleeps again.
        let nanos = (missing / self.rate * NANOS_PER_SECOND).ceil();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "more nanoseconds than there are is as good as never"
        )]
        let wait = Duration::from_nanos(nanos as u64);
        self.filled.saturating_add(wait)
    }

    fn take(&mut self, count: usize) {
        let count = float(count);
        self.tokens = (self.tokens - count).max(0.0);
    }

    fn give_back(&mut self, count: usize) {
        let count = float(count);
        self.tokens = (self.tokens + count).min(self.burst());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(rate: f64) -> Shared {
        Shared {
            throttle: Throttle::Limited(Rate::per_second(rate).unwrap()),
            subscriptions: vec![0, 1],
        }
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_comes_in_by_portions_and_up_to_a_burst() {
        let mut throttles = Throttles::default();
        throttles.replace(millis(0), vec![limited(1_000.0)], &[true; 3]);
        assert_eq!(throttles.allowance(0), 0, "nothing has come in yet");
        assert_eq!(throttles.next(0), Some(millis(10)));
        throttles.fill(millis(9));
        assert_eq!(throttles.allowance(0), 0, "less than a portion");
        throttles.fill(millis(10));
        assert_eq!((throttles.allowance(0), throttles.next(0)), (10, None));
        assert_eq!(throttles.allowance(2), usize::MAX, "under no throttle");
        throttles.started(1, 10);
        assert_eq!(throttles.allowance(0), 0, "it is shared");
        throttles.fill(millis(60_000));
        assert_eq!(throttles.allowance(0), 110, "a portion and a burst");
    }

    #[test]
    fn a_low_rate_waits_for_whole_messages() {
        let mut throttles = Throttles::default();
        throttles.replace(millis(0), vec![limited(0.5)], &[true; 2]);
        assert_eq!(throttles.next(0), Some(millis(2_000)));
        throttles.fill(millis(1_999));
        assert_eq!(throttles.allowance(0), 0);
        throttles.fill(millis(60_000));
        assert_eq!(throttles.allowance(0), 1);
    }

    #[test]
    fn a_process_has_its_part_for_what_it_has_claimed() {
        let mut throttles = Throttles::default();
        throttles.replace(millis(0), vec![limited(1_000.0)], &[false; 2]);
        let years = Duration::from_secs(500 * 365 * 24 * 3_600);
        assert!(throttles.next(0).is_some_and(|next| next > years));
        throttles.divide(&[true, false]);
        throttles.fill(millis(20));
        assert_eq!(throttles.allowance(0), 10, "half the rate");
    }

    #[test]
    fn the_strictest_throttle_counts() {
        let mut throttles = Throttles::default();
        let slow = Shared {
            subscriptions: vec![1],
            ..limited(100.0)
        };
        let still = Shared {
            throttle: Throttle::Paused,
            subscriptions: vec![2],
        };
        throttles.replace(millis(0), vec![limited(1_000.0), slow, still], &[true; 3]);
        throttles.fill(millis(50));
        assert_eq!([0, 1, 2].map(|one| throttles.allowance(one)), [50, 5, 0]);
        assert_eq!(
            [0, 1, 2].map(|one| throttles.is_shut(one)),
            [false, false, true]
        );
        assert_eq!(throttles.next(2), None, "no time opens it");
    }

    #[test]
    fn what_was_not_run_is_given_back_and_a_new_rate_keeps_the_rest() {
        let mut throttles = Throttles::default();
        throttles.replace(millis(0), vec![limited(1_000.0)], &[true; 2]);
        throttles.fill(millis(50));
        throttles.started(0, 50);
        throttles.unrun(0, 30);
        assert_eq!(throttles.allowance(0), 30);
        throttles.replace(millis(50), vec![limited(200.0)], &[true; 2]);
        assert_eq!(throttles.allowance(0), 22, "no more than a burst of it");
        throttles.replace(millis(50), Vec::new(), &[true; 2]);
        assert_eq!(throttles.allowance(0), usize::MAX);
    }
}
