//! What backfill transactions take: a part that is the same for each of them, and a part for each
//! commit in it.
//!
//! Both have to be told apart. A transaction that is short because it has few commits takes long for
//! each of them; whoever went by that alone would make the next one even shorter, and end with
//! transactions that are nothing but round trips and flushes.

use std::time::Duration;

/// How much the newest transaction counts against all before it.
const NEWEST: f64 = 0.05;

/// The least spread of sizes, in commits, from which the parts can be told apart.
const SPREAD_MIN: f64 = 4.0;

/// Means over the transactions seen, the newest of which count most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    seen: bool,
    count: f64,
    seconds: f64,
    count_squared: f64,
    product: f64,
}

impl Cost {
    /// A transaction with so many commits took so long.
    pub(super) fn learn(&mut self, count: usize, took: Duration) {
        #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
        let count = count.max(1) as f64;
        let seconds = took.as_secs_f64();
        let newest = if self.seen { NEWEST } else { 1.0 };
        self.seen = true;
        for (mean, value) in [
            (&mut self.count, count),
            (&mut self.seconds, seconds),
            (&mut self.count_squared, count * count),
            (&mut self.product, count * seconds),
        ] {
            *mean += newest * (value - *mean);
        }
    }

    /// What one more commit in a transaction takes, in seconds: the slope of the line through the
    /// transactions seen. Before their sizes differ, all that they take; 0 before any was seen.
    pub(super) fn commit_seconds(&self) -> f64 {
        if !self.seen {
            return 0.0;
        }
        let at_most = self.seconds / self.count;
        let spread = self.count.mul_add(-self.count, self.count_squared);
        if spread < SPREAD_MIN * SPREAD_MIN {
            return at_most;
        }
        let slope = self.count.mul_add(-self.seconds, self.product) / spread;
        slope.clamp(0.0, at_most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn before_sizes_differ_everything_is_taken_for_the_commits() {
        let mut cost = Cost::default();
        assert!(cost.commit_seconds() <= 0.0);
        for _ in 0..10 {
            cost.learn(50, Duration::from_millis(10));
        }
        assert!((cost.commit_seconds() - 0.000_2).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_part_of_a_commit_is_told_from_what_any_transaction_takes(
            fixed_us in 0_u64..20_000,
            commit_us in 1_u64..2_000,
            sizes in prop::collection::vec(1_usize..256, 200),
        ) {
            let mut cost = Cost::default();
            for size in sizes {
                let took = fixed_us + commit_us * size as u64;
                cost.learn(size, Duration::from_micros(took));
            }
            let found_us = cost.commit_seconds() * 1e6;
            prop_assert!((found_us / commit_us as f64 - 1.0).abs() < 0.01, "{found_us}");
        }
    }
}
