//! Whether backfill makes progress.

use std::time::Duration;

use super::{Cause, Sight, Stall};

/// How often a stall that goes on is told again: often enough for whoever opens the log, seldom
/// enough for a lane that is paused over night.
const REMIND_AFTER: Duration = Duration::from_secs(600);

/// Watches the backfill lane of one subscription.
#[derive(Clone, Debug)]
pub struct Watch {
    patience: Duration,
    /// Since when there was no progress.
    since: Option<Duration>,
    /// What was settled at the last look.
    settled: u64,
    /// What was told last, and when.
    told: Option<(Cause, Duration)>,
    stall: Option<Stall>,
}

/// What is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is no progress.
    Stalled(Stall),
    /// There is progress again, or nothing waits any more, after so long.
    Moves(Duration),
}

impl Watch {
    /// A watch that calls it a stall when nothing moves for so long; see [`super::PATIENCE`].
    #[must_use]
    pub const fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: None,
            settled: 0,
            told: None,
            stall: None,
        }
    }

    /// Takes in what is seen at a moment, by any clock that never goes back; what is to be told.
    /// A stall is told when it begins, when its cause is another one, and now and then.
    pub fn look(&mut self, now: Duration, sight: &Sight) -> Option<Change> {
        let moves = sight.settled > self.settled || sight.rate_per_second > 0.0;
        self.settled = sight.settled;
        if moves || sight.waiting == 0 {
            return self.goes_on(now);
        }
        let since = *self.since.get_or_insert(now);
        let lasted = now.saturating_sub(since);
        if lasted < self.patience {
            return None;
        }
        let stall = Stall {
            cause: Cause::of(sight),
            lasted,
            waiting: sight.waiting,
        };
        self.stall = Some(stall);
        self.is_news(now, stall.cause).then(|| {
            self.told = Some((stall.cause, now));
            Change::Stalled(stall)
        })
    }

    /// The stall that was seen at the last look.
    #[must_use]
    pub const fn stall(&self) -> Option<Stall> {
        self.stall
    }

    fn goes_on(&mut self, now: Duration) -> Option<Change> {
        self.stall = None;
        let since = self.since.take();
        let told = self.told.take();
        told.and(since)
            .map(|since| Change::Moves(now.saturating_sub(since)))
    }

    fn is_news(&self, now: Duration, cause: Cause) -> bool {
        self.told.is_none_or(|(told, at)| {
            let pause = if told == cause {
                REMIND_AFTER
            } else {
                self.patience
            };
            now.saturating_sub(at) >= pause
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::PATIENCE;
    use super::*;
    use crate::lane::Standing;

    const SECOND: Duration = Duration::from_secs(1);

    /// A watch, and a clock that moves by itself.
    struct Watched {
        watch: Watch,
        now: Duration,
    }

    impl Watched {
        fn new() -> Self {
            Self {
                watch: Watch::new(PATIENCE),
                now: 7 * SECOND,
            }
        }

        /// Looks every second for so long; what was told, each with the second it was told in.
        fn look_for(&mut self, seconds: u64, sight: Sight) -> Vec<(u64, Change)> {
            let mut told = Vec::new();
            for second in 0..seconds {
                told.extend(self.watch.look(self.now, &sight).map(|it| (second, it)));
                self.now += SECOND;
            }
            told
        }
    }

    fn waiting(settled: u64) -> Sight {
        Sight {
            waiting: 500,
            settled,
            standing: Standing {
                claimed: true,
                ready: 8,
                primary_goes_first: true,
                ..Standing::default()
            },
            ..Sight::default()
        }
    }

    fn stalled(cause: Cause, seconds: u64) -> Change {
        Change::Stalled(Stall {
            cause,
            lasted: Duration::from_secs(seconds),
            waiting: 500,
        })
    }

    #[test]
    fn a_minute_without_progress_is_told_once_and_its_end_too() {
        let mut watched = Watched::new();
        assert_eq!(watched.look_for(60, waiting(0)), []);
        assert_eq!(watched.watch.stall(), None);
        let told = watched.look_for(600, waiting(0));
        assert_eq!(told, [(0, stalled(Cause::Primary, 60))]);
        assert!(watched.watch.stall().is_some());
        let again = watched.look_for(1, waiting(0));
        assert_eq!(again, [(0, stalled(Cause::Primary, 660))]);
        let moves = watched.look_for(2, waiting(1));
        assert_eq!(moves[0], (0, Change::Moves(661 * SECOND)));
        assert_eq!((moves.len(), watched.watch.stall()), (1, None));
    }

    #[test]
    fn whatever_moves_is_no_stall() {
        let mut watched = Watched::new();
        for settled in 0..300 {
            assert_eq!(watched.look_for(59, waiting(settled)), []);
        }
        let elsewhere = Sight {
            rate_per_second: 0.02,
            ..waiting(300)
        };
        assert_eq!(watched.look_for(300, elsewhere), []);
        let empty = Sight {
            waiting: 0,
            ..waiting(300)
        };
        assert_eq!(watched.look_for(300, empty), []);
    }

    #[test]
    fn another_cause_is_told_and_two_that_alternate_are_not_told_all_the_time() {
        let mut watched = Watched::new();
        watched.look_for(61, waiting(0));
        let mut paused = waiting(0);
        paused.standing.paused = true;
        let told = watched.look_for(120, paused);
        assert_eq!(told, [(59, stalled(Cause::Paused, 120))]);
        let mut told = 0;
        for _ in 0..300 {
            told += watched.look_for(1, waiting(0)).len();
            told += watched.look_for(1, paused).len();
        }
        assert!(told <= 10, "{told} times in ten minutes");
    }
}
