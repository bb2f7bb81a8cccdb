//! What a process feels of its primary work.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Judgement, LATE_COMMIT, LATE_SOJOURN, Level, Reading, Sense, Surroundings};

/// The senses of a process: for what its primary commits take, and for how long primary messages
/// wait until a handler has them, which includes what the operating system makes their threads
/// wait. What they judged is kept until somebody tells those who do backfill work.
#[derive(Debug)]
pub struct Senses {
    felt: Mutex<Felt>,
}

#[derive(Debug)]
struct Felt {
    commit: Sense,
    sojourn: Sense,
    surroundings: Surroundings,
    untold: Judgement,
}

impl Senses {
    /// Senses that know nothing yet; see [`Sense::new`].
    #[must_use]
    pub fn new(quantum: Duration) -> Self {
        Self {
            felt: Mutex::new(Felt {
                commit: Sense::new(LATE_COMMIT, quantum),
                sojourn: Sense::new(LATE_SOJOURN, quantum),
                surroundings: Surroundings::Quiet,
                untold: Judgement::default(),
            }),
        }
    }

    /// What else goes on from now on.
    pub fn surround(&self, surroundings: Surroundings) {
        self.felt().surroundings = surroundings;
    }

    /// A primary commit took this long, from when it was asked for to when it was durable.
    pub fn commit(&self, took: Duration) {
        let mut felt = self.felt();
        let surroundings = felt.surroundings;
        let judgement = felt.commit.judge(took, surroundings);
        felt.untold = felt.untold.and(judgement);
    }

    /// A primary message waited this long, from when it was made to when a handler had it. Clocks
    /// of several machines may differ, always by as much.
    ///
    /// One in time tells nobody anything: there are as many waits as commits, and they are hardly
    /// ever late, so that two commits in a hundred could be.
    pub fn sojourn(&self, waited: Duration) {
        let mut felt = self.felt();
        let surroundings = felt.surroundings;
        let Judgement { late, .. } = felt.sojourn.judge(waited, surroundings);
        felt.untold = felt.untold.and(Judgement { in_time: 0, late });
    }

    /// What was judged since the last call.
    pub fn take(&self) -> Judgement {
        std::mem::take(&mut self.felt().untold)
    }

    /// All that was judged, with the share and the surroundings of a level at a moment.
    #[must_use]
    pub fn reading(&self, level: &Level, now: Duration) -> Reading {
        let felt = self.felt();
        Reading {
            share: level.share(now),
            is_production_about: level.is_production_about(now),
            commits: felt.commit.judged(),
            sojourns: felt.sojourn.judged(),
        }
    }

    fn felt(&self) -> MutexGuard<'_, Felt> {
        self.felt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn commits_and_waiting_are_judged_apart_and_told_once() {
        let senses = Senses::new(5 * MS);
        for _ in 0..1_000 {
            senses.commit(MS);
            senses.sojourn(20 * MS);
        }
        senses.take();
        senses.surround(Surroundings::Backfill);
        senses.sojourn(20 * MS);
        assert_eq!(senses.take().late, 0);
        senses.commit(20 * MS);
        senses.commit(MS);
        let told = Judgement {
            in_time: 1,
            late: 1,
        };
        assert_eq!(senses.take(), told);
        assert!(senses.take().is_empty());
        let reading = senses.reading(&Level::default(), MS);
        let (commits, sojourns) = (reading.commits, reading.sojourns);
        assert_eq!((commits.all, commits.late), (1_002, 1));
        assert_eq!((sojourns.all, sojourns.late), (1_001, 0));
        assert!((sojourns.limit_seconds - 0.025).abs() < 0.001);
    }
}
