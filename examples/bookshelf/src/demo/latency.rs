//! How long orders took.

use std::time::Duration;

/// How long orders took to be accepted, and to be handled.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    accepted: Vec<Duration>,
    handled: Vec<Duration>,
}

/// The figures that stand for many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) max: Duration,
}

impl Latencies {
    pub(super) fn add(&mut self, accepted: Duration, handled: Duration) {
        self.accepted.push(accepted);
        self.handled.push(handled);
    }

    pub(super) fn count(&self) -> usize {
        self.accepted.len()
    }

    pub(super) fn accepted(&self) -> Figures {
        Figures::of(self.accepted.clone())
    }

    pub(super) fn handled(&self) -> Figures {
        Figures::of(self.handled.clone())
    }
}

impl Figures {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let rank = |hundredths: usize| {
            let nth = (times.len() * hundredths).div_ceil(100).max(1) - 1;
            times.get(nth).copied().unwrap_or_default()
        };
        Self {
            p50: rank(50),
            p99: rank(99),
            max: rank(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times = (1..=200).map(Duration::from_millis).rev().collect();
        let expected = Figures {
            p50: Duration::from_millis(100),
            p99: Duration::from_millis(198),
            max: Duration::from_millis(200),
        };
        assert_eq!(Figures::of(times), expected);
        assert_eq!(Figures::of(Vec::new()).max, Duration::ZERO);
    }
}
