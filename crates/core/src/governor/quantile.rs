//! A percentile that is learnt from one value after the other, in no memory to speak of.

/// Values before the percentile is believed: the greatest of them is where it starts.
const FIRST: u32 = 32;

/// How far one value above the percentile moves it.
const UP: f64 = 0.05;

/// How many of its greatest values a run of values ends with, the least of which is its percentile:
/// enough of them that a burst, or its absence, does not make it. The first run has one, and each
/// has one more than that before it: what a process does first takes longer than anything after it,
/// and is forgotten soon.
const RUN_ABOVE: usize = 5;

/// What is far: so many times.
const FAR: f64 = 1.25;

/// Learns a percentile by stochastic approximation: up by a part with each value above it, down by
/// as much less with each value below as there are more of those. A rush of production, or a process
/// that has just begun, leaves it far too high, and to come down like that takes thousands of values:
/// it falls at once to the percentile of the last run of values, when that is far below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantile {
    /// The part of all values that is above.
    above: f64,
    value: f64,
    seen: u32,
    /// The greatest values of the run, the greatest of them first.
    greatest: [f64; RUN_ABOVE],
    /// With how many of them the run ends.
    run_above: usize,
    /// How many values the run has.
    run: f64,
}

impl Quantile {
    /// The percentile that this part of all values is above.
    pub(super) const fn with_above(above: f64) -> Self {
        Self {
            above,
            value: 0.0,
            seen: 0,
            greatest: [0.0; RUN_ABOVE],
            run_above: 1,
            run: 0.0,
        }
    }

    /// Takes a value in.
    pub(super) fn learn(&mut self, value: f64) {
        if self.seen < FIRST {
            self.seen += 1;
            self.value = self.value.max(value);
        } else if value > self.value {
            self.value *= UP.exp();
        } else {
            self.value *= (-UP * self.above / (1.0 - self.above)).exp();
        }
        self.fall(value);
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "a number of values is far below 2^52"
    )]
    fn fall(&mut self, value: f64) {
        self.run += 1.0;
        let last = RUN_ABOVE - 1;
        if value > self.greatest[last] {
            self.greatest[last] = value;
            self.greatest
                .sort_unstable_by(|one, other| other.total_cmp(one));
        }
        if self.run * self.above < self.run_above as f64 {
            return;
        }
        let found = self.greatest[self.run_above - 1];
        if found * FAR < self.value {
            self.value = found;
        }
        self.run_above = RUN_ABOVE.min(self.run_above + 1);
        (self.greatest, self.run) = ([0.0; RUN_ABOVE], 0.0);
    }

    /// The percentile, once enough was seen.
    pub(super) fn value(&self) -> Option<f64> {
        (self.seen == FIRST).then_some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values between 1 and 2, in no order.
    fn values(count: u32) -> impl Iterator<Item = f64> {
        let scattered = |nth: u32| (nth ^ nth >> 7).wrapping_mul(2_654_435_761).rotate_left(11);
        (0..count).map(move |nth| 1.0 + f64::from(scattered(nth) % 1_000) / 1_000.0)
    }

    #[test]
    fn a_rush_is_forgotten_after_a_run_of_calm() {
        let mut quantile = Quantile::with_above(0.01);
        (0..1_000).for_each(|_| quantile.learn(50.0));
        values(1_000).for_each(|value| quantile.learn(value));
        let value = quantile.value().unwrap();
        assert!((1.9..2.1).contains(&value), "{value}");
    }

    #[test]
    fn nothing_is_said_before_enough_was_seen() {
        let mut quantile = Quantile::with_above(0.01);
        for value in values(FIRST) {
            assert_eq!(quantile.value(), None);
            quantile.learn(value);
        }
        assert!(quantile.value().is_some());
    }

    proptest! {
        #[test]
        fn the_percentile_is_found_from_wherever_it_starts(
            start in 0.01_f64..100.0,
            above in 0.01_f64..0.5,
        ) {
            let mut quantile = Quantile::with_above(above);
            for _ in 0..FIRST {
                quantile.learn(start);
            }
            for value in values(20_000) {
                quantile.learn(value);
            }
            let mut sum = 0.0;
            for value in values(2_000) {
                quantile.learn(value);
                sum += quantile.value().unwrap_or_default();
            }
            let mean = sum / 2_000.0;
            prop_assert!((mean / (2.0 - above) - 1.0).abs() < 0.1, "{mean}");
        }
    }
}
