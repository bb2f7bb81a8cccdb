//! Judges how long primary work takes.

use std::time::Duration;

use super::quantile::Quantile;
use super::{Judged, Judgement};

/// What is late whatever the quiet says: below it nobody can tell, nor does the clock. A commit to a
/// file takes some tenths of a millisecond, of which this has to be a small part.
const SLACK: Duration = Duration::from_micros(100);

/// Before the quiet is known, late is what took so many times the median.
const LATE_MEDIANS: f64 = 3.0;

/// What else goes on while primary work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// No backfill work is about.
    Quiet,
    /// Backfill work is about.
    Backfill,
    /// Backfill work is about, but has been held at the least for so long that it makes no
    /// difference.
    Floored,
}

/// What one kind of primary work takes in the quiet: commits of a process, say.
#[derive(Clone, Debug)]
pub struct Sense {
    quiet: Quantile,
    median: Quantile,
    /// Late is so many times the quiet,
    factor: f64,
    /// or so much above it.
    excess_max: f64,
    /// What was judged so far, and what of it was late.
    judged: u64,
    late: u64,
}

impl Sense {
    /// A sense that knows nothing yet. What takes longer than `factor` times the quiet is late, and
    /// what takes a `quantum` longer, however long it takes there (L2).
    #[must_use]
    pub fn new(factor: f64, quantum: Duration) -> Self {
        Self {
            quiet: Quantile::with_above(0.01),
            median: Quantile::with_above(0.5),
            factor,
            excess_max: quantum.as_secs_f64(),
            judged: 0,
            late: 0,
        }
    }

    /// Judges one time that it took, and learns from it.
    #[must_use]
    pub fn judge(&mut self, took: Duration, surroundings: Surroundings) -> Judgement {
        let seconds = took.as_secs_f64();
        let late = self.limit().is_some_and(|limit| seconds > limit);
        self.median.learn(seconds);
        // Without backfill nobody is to blame.
        let late = late && surroundings == Surroundings::Backfill;
        if surroundings != Surroundings::Backfill {
            self.quiet.learn(seconds);
        }
        self.judged += 1;
        self.late += u64::from(late);
        Judgement {
            in_time: u32::from(!late),
            late: u32::from(late),
        }
    }

    /// All that was judged so far.
    #[must_use]
    pub fn judged(&self) -> Judged {
        Judged {
            all: self.judged,
            late: self.late,
            limit_seconds: self.limit().unwrap_or_default(),
        }
    }

    /// What is late, in seconds; nothing is before enough was seen.
    fn limit(&self) -> Option<f64> {
        let limit = match (self.quiet.value(), self.median.value()) {
            (Some(quiet), _) => (quiet * self.factor).min(quiet + self.excess_max),
            (None, median) => median? * LATE_MEDIANS,
        };
        Some(limit + SLACK.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn taught(quiet: Duration) -> Sense {
        let mut sense = Sense::new(1.25, 5 * MS);
        for _ in 0..1_000 {
            let _ = sense.judge(quiet, Surroundings::Quiet);
        }
        sense
    }

    #[test]
    fn late_is_what_takes_longer_than_in_the_quiet() {
        let mut sense = taught(4 * MS);
        for (took, late) in [(4 * MS, 0), (8 * MS, 1), (4 * MS, 0)] {
            let judgement = sense.judge(took, Surroundings::Backfill);
            assert_eq!((judgement.late, judgement.in_time), (late, 1 - late));
        }
    }

    #[test]
    fn a_quantum_more_is_late_however_slow_the_store_is() {
        let mut sense = taught(200 * MS);
        assert_eq!(sense.judge(230 * MS, Surroundings::Backfill).late, 1);
    }

    #[test]
    fn what_backfill_makes_slow_does_not_become_the_quiet() {
        let mut sense = taught(MS);
        for _ in 0..10_000 {
            assert_eq!(sense.judge(5 * MS, Surroundings::Backfill).late, 1);
        }
        for _ in 0..10_000 {
            let _ = sense.judge(5 * MS, Surroundings::Floored);
        }
        assert_eq!(sense.judge(5 * MS, Surroundings::Backfill).late, 0);
    }

    #[test]
    fn a_sense_that_never_had_any_quiet_goes_by_the_median() {
        let mut sense = Sense::new(1.25, 5 * MS);
        for _ in 0..1_000 {
            let _ = sense.judge(MS, Surroundings::Backfill);
        }
        assert_eq!(sense.judge(2 * MS, Surroundings::Backfill).late, 0);
        assert_eq!(sense.judge(6 * MS, Surroundings::Backfill).late, 1);
    }
}
