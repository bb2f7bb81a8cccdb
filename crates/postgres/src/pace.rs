//! Room for production: how backfill work in PostgreSQL follows the governor (L4).
//!
//! The server's processes cannot be told which of them works for an import. What can be told is how
//! much they are given to do: while production is about, backfill transactions are short and one at
//! a time, and each is followed by a rest. Whoever places an order finds a processor free, or one
//! that soon is. With nobody about, backfill runs at full speed (L5).
//!
//! Every process judges its own primary work, and tells the others with the news of it; every
//! process has a level of its own, which the judgements of all of them move.

mod cost;
mod sharers;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protean_core::Lane;
use protean_core::governor::{Judgement, Level, QUIET_AFTER, Reading, Senses};
use tokio::time::Instant;

use cost::Cost;
use sharers::Sharers;

/// A backfill transaction takes about this part of a quantum while production is about: whoever
/// wants the processor that the server works on finds it free sooner. With less, the flushes of the
/// many transactions were what production noticed.
const QUANTUM_PARTS: u32 = 2;

/// The fewest and the most commits in one backfill transaction while production is about. With fewer,
/// nearly all of what it takes would be what any transaction takes.
const COMMITS_MIN: usize = 32;
const COMMITS_MAX: usize = 256;

/// The most rows that a backfill statement writes while production is about. Whatever its priority,
/// a session that computes is not interrupted before the operating system looks again, which may be
/// milliseconds; so it is given something to wait for every few hundred microseconds.
const ROWS_MAX: usize = 16;

/// How this process makes room.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    quantum: Duration,
    senses: Senses,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    level: Level,
    /// When backfill work was seen last, by this process's clock.
    backfill: Option<Duration>,
    /// When other processes were told so.
    told_of_backfill: Option<Duration>,
    /// What others have not been told yet.
    untold: Judgement,
    sharers: Sharers,
    cost: Cost,
    /// How many sizes of backfill transactions were asked for.
    sizes: u64,
}

impl Pace {
    /// A pace that has seen nothing; what takes a `quantum` longer than in the quiet is late.
    pub(crate) fn new(quantum: Duration) -> Self {
        Self {
            began: Instant::now(),
            quantum,
            senses: Senses::new(quantum),
            state: Mutex::default(),
        }
    }

    /// Production is about.
    pub(crate) fn see_primary(&self) {
        self.hear(Judgement::default());
    }

    /// Another process tells how its primary work was judged.
    pub(crate) fn hear(&self, judgement: Judgement) {
        let now = self.now();
        self.state().level.hear(now, judgement);
    }

    /// Backfill work is about.
    pub(crate) fn see_backfill(&self) {
        let now = self.now();
        self.state().backfill = Some(now);
    }

    /// Another process runs handlers of backfill.
    pub(crate) fn see_handler(&self, process: &str) {
        let now = self.now();
        self.state().sharers.see(process, now);
    }

    /// Backfill work is about in this process, which may be that of handlers; whether other processes
    /// should be told.
    pub(crate) fn has_to_tell_of_backfill(&self, handled: bool) -> bool {
        let now = self.now();
        let mut state = self.state();
        state.backfill = Some(now);
        if handled {
            state.sharers.take_part(now);
        }
        let told = state.told_of_backfill;
        let wanted = told.is_none_or(|told| now.saturating_sub(told) >= QUIET_AFTER / 2);
        if wanted {
            state.told_of_backfill = Some(now);
        }
        wanted
    }

    /// A primary commit of this process took so long.
    pub(crate) fn feel_commit(&self, took: Duration) {
        self.feel(|senses| senses.commit(took));
    }

    /// A primary message waited so long for its handler in this process.
    pub(crate) fn feel_sojourn(&self, waited: Duration) {
        self.feel(|senses| senses.sojourn(waited));
    }

    fn feel(&self, feel: impl FnOnce(&Senses)) {
        let now = self.now();
        let mut state = self.state();
        let surroundings = state.level.surroundings(now, state.backfill);
        self.senses.surround(surroundings);
        feel(&self.senses);
        let judgement = self.senses.take();
        state.level.hear(now, judgement);
        state.untold = state.untold.and(judgement);
    }

    /// What others have to be told, once.
    pub(crate) fn take_untold(&self) -> Judgement {
        std::mem::take(&mut self.state().untold)
    }

    /// How many commits a backfill transaction may have, so that it takes a part of a quantum; no
    /// bound with no production about.
    pub(crate) fn commits_max(&self) -> Option<usize> {
        let now = self.now();
        let mut state = self.state();
        if !state.level.is_production_about(now) {
            return None;
        }
        let seconds = (self.quantum / QUANTUM_PARTS).as_secs_f64();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is cut to a small positive number"
        )]
        let count = (seconds / state.cost.commit_seconds().max(1e-9)) as usize;
        state.sizes += 1;
        // Different sizes show what depends on them.
        let part = if state.sizes.is_multiple_of(2) { 2 } else { 1 };
        Some((count.min(COMMITS_MAX) / part).max(COMMITS_MIN))
    }

    /// How many rows a backfill statement may write, each of which is waited for before the next is
    /// sent; no bound with no production about.
    pub(crate) fn rows_max(&self) -> Option<usize> {
        self.primary_is_about().then_some(ROWS_MAX)
    }

    /// A backfill transaction with so many commits took so long.
    pub(crate) fn learn(&self, count: usize, took: Duration) {
        self.state().cost.learn(count, took);
    }

    /// Whether what a lane does at one stretch has to be brief now: backfill's, while production is
    /// about.
    #[must_use]
    pub fn gives_way(&self, lane: Lane) -> bool {
        lane == Lane::Backfill && self.primary_is_about()
    }

    /// Whether production is about.
    fn primary_is_about(&self) -> bool {
        let now = self.now();
        self.state().level.is_production_about(now)
    }

    /// What there is to say of the level and of what was judged.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let now = self.now();
        self.senses.reading(&self.state().level, now)
    }

    /// How many pieces of backfill work may overlap now, of at most so many.
    #[must_use]
    pub fn overlap(&self, overlap_max: usize) -> usize {
        let now = self.now();
        self.state().level.overlap(now, overlap_max)
    }

    /// How long backfill rests after its handlers used a processor for so long; processes that run
    /// some share the level.
    #[must_use]
    pub fn rest_after_handlers(&self, used: Duration) -> Duration {
        let now = self.now();
        let state = self.state();
        let count = state.sharers.count(now);
        state.level.rest_after_handlers(now, used, count)
    }

    /// Rests after a turn of backfill that took this long, as the level says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn rest(&self, turn: Duration) {
        self.rest_among(1, turn).await;
    }

    /// The same after a turn of work that several processes share: each has its part of the level,
    /// so that more of them do not leave less room.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn rest_shared(&self, turn: Duration) {
        let now = self.now();
        let count = self.state().sharers.count(now);
        self.rest_among(count, turn).await;
    }

    async fn rest_among(&self, count: u32, turn: Duration) {
        self.see_backfill();
        let now = self.now();
        let rest = self.state().level.rest_among(now, turn, count);
        if !rest.is_zero() {
            // sleep: the rest is the point
            tokio::time::sleep(rest).await;
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use protean_core::governor::{ABOUT, REST_MAX};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn l5_backfill_rests_only_while_production_is_about() {
        let pace = Pace::new(5 * MS);
        let before = Instant::now();
        pace.rest(7 * MS).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        pace.see_primary();
        assert!(pace.primary_is_about());
        pace.rest(7 * MS).await;
        assert!(before.elapsed() >= 7 * MS);
        let before = Instant::now();
        pace.rest(Duration::from_secs(60)).await;
        assert!(before.elapsed() <= REST_MAX + 2 * MS);
        tokio::time::advance(ABOUT).await;
        let before = Instant::now();
        pace.rest(7 * MS).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn l2_transactions_are_short_while_production_is_about() {
        let pace = Pace::new(5 * MS);
        pace.learn(128, 2 * MS);
        assert_eq!((pace.commits_max(), pace.rows_max()), (None, None));
        pace.see_primary();
        assert_eq!(pace.rows_max(), Some(ROWS_MAX));
        assert_eq!(pace.commits_max(), Some(160));
        assert_eq!(pace.commits_max(), Some(80), "sizes differ");
        for _ in 0..100 {
            pace.learn(100, 1_000 * MS);
        }
        assert_eq!(pace.commits_max(), Some(COMMITS_MIN));
    }

    #[tokio::test(start_paused = true)]
    async fn l4_backfill_rests_longer_when_primary_work_becomes_late() {
        let pace = Pace::new(5 * MS);
        for _ in 0..1_000 {
            pace.feel_commit(MS);
        }
        let rest = async || {
            let before = Instant::now();
            pace.rest(5 * MS).await;
            before.elapsed()
        };
        let at_first = rest().await;
        pace.take_untold();
        for _ in 0..5 {
            pace.feel_commit(20 * MS);
        }
        assert!(rest().await > at_first);
        assert_eq!(pace.take_untold().late, 5, "others are told");
        let before = rest().await;
        pace.hear(Judgement {
            in_time: 0,
            late: 5,
        });
        assert!(rest().await > before, "others are listened to");
    }
}
