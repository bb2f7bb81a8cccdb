//! How much of a quantum may be spent on writing, so that the commit still fits in.

use std::time::Duration;

/// How much the newest turn counts against all before it.
const NEWEST: f64 = 0.2;

/// Writing gets at least this part of the quantum, however long commits are: work has to go on.
const BUDGET_MIN: f64 = 0.1;

/// Learns how long a commit is, compared to the writing before it: both grow with the pages that
/// were changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The length of a commit in lengths of the writing before it.
    commit: f64,
}

/// Commits are taken to be as long as the writing until one was seen.
impl Default for Pace {
    fn default() -> Self {
        Self { commit: 1.0 }
    }
}

impl Pace {
    /// How long a turn may write, so that all of it takes a quantum.
    pub(super) fn budget(&self, quantum: Duration) -> Duration {
        quantum.mul_f64((1.0 / (1.0 + self.commit)).max(BUDGET_MIN))
    }

    /// A turn wrote for so long, and took so long in all.
    pub(super) fn learn(&mut self, writing: Duration, all: Duration) {
        let writing = writing.as_secs_f64();
        if writing <= 0.0 {
            return;
        }
        let commit = (all.as_secs_f64() - writing).max(0.0) / writing;
        self.commit += NEWEST * (commit - self.commit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_fits_into_the_quantum() {
        let quantum = Duration::from_millis(6);
        let mut pace = Pace::default();
        for _ in 0..50 {
            let writing = pace.budget(quantum);
            pace.learn(writing, writing * 3);
        }
        let expected = quantum / 3;
        assert!(pace.budget(quantum).abs_diff(expected) < Duration::from_micros(10));
    }

    #[test]
    fn work_goes_on_however_long_commits_are() {
        let quantum = Duration::from_millis(5);
        let mut pace = Pace::default();
        for _ in 0..50 {
            pace.learn(Duration::from_micros(1), Duration::from_secs(1));
        }
        assert_eq!(pace.budget(quantum), Duration::from_micros(500));
        pace.learn(Duration::ZERO, Duration::ZERO);
        assert_eq!(pace.budget(quantum), Duration::from_micros(500));
    }
}
