//! The governor: how much of its turns backfill has, so that production does not notice it (L4).
//!
//! A plain state machine without input or output, which simulations drive exactly as the stores do.
//! Two parts, which may be in different processes:
//!
//! - a [`Sense`] is where primary work is. It knows how long a thing takes while no backfill is
//!   about, and judges each time it took: in time, or late. A [`Judgement`] counts them.
//! - a [`Level`] is where backfill work is. Judgements of all processes move it, and it says how
//!   long to rest after each turn, and how many turns may overlap.
//!
//! # The algorithm
//! What is promised is a percentile, so what is steered is one: the share of primary work that is
//! late. The level grows by a small step with each commit in time, and is cut by a tenth with each
//! late one, and with each late wait. They balance where about one in a hundred is late: the 99th
//! percentile then is where lateness begins, which is [`LATE_COMMIT`] or [`LATE_SOJOURN`] times the
//! 99th percentile in the quiet. A part of the step is the same at every level, which brings the
//! levels of processes together that hear the same judgements.
//!
//! With no primary work for [`ABOUT`] the level does not count: backfill runs at full speed (L5).
//! A level that stays at its least for [`FLOOR_PATIENCE`] shows that it is not backfill that makes
//! primary work late: for [`FLOOR_LEARNING`] the senses then learn what they see as the new quiet, so
//! that a machine that became slower does not starve backfill for ever (L6).
//!
//! The ideas are those of quantile tracking by stochastic approximation, of the congestion control
//! of networks, and of admission control by observed delay (CoDel, `CockroachDB`'s elastic work).

mod level;
mod quantile;
mod sense;
mod senses;
#[cfg(test)]
mod simulation;

use std::time::Duration;

pub use level::Level;
pub use sense::{Sense, Surroundings};
pub use senses::Senses;

/// How long after its last sign backfill counts as about.
pub const QUIET_AFTER: Duration = Duration::from_millis(250);

/// The longest rest: a turn that was long because the store was away says nothing about load.
pub const REST_MAX: Duration = Duration::from_millis(100);

/// The longest rest after handlers, of one process: what they used of a processor says what they
/// took from production, however much it was. The bound is how long backfill stands still (L6).
pub const HANDLERS_REST_MAX: Duration = Duration::from_secs(1);

/// How long after its last sign production counts as about.
pub const ABOUT: Duration = Duration::from_secs(1);

/// A commit is late that took longer than this many times the quiet's 99th percentile. It is nearly
/// all that a caller waits for, who may wait half as long again.
pub const LATE_COMMIT: f64 = 1.2;

/// A message is late that waited longer than this many times the quiet's 99th percentile. Until an
/// order can be seen there are two or three such waits and as many commits, which are hardly ever
/// late together.
pub const LATE_SOJOURN: f64 = 1.5;

/// How long a level is at its least before what primary work takes counts as its quiet.
pub const FLOOR_PATIENCE: Duration = Duration::from_secs(10);

/// How long the level stays there from then on, so that a new quiet is learnt and not only begun:
/// some hundred pieces of work where there are a few ten per second.
pub const FLOOR_LEARNING: Duration = Duration::from_secs(10);

/// What a governor says of itself, for whoever watches it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The part of its time that backfill may work, from nearly nothing to 1.
    pub share: f64,
    /// Whether production was seen lately.
    pub is_production_about: bool,
    /// The primary commits of this process.
    pub commits: Judged,
    /// The waits of primary messages for this process.
    pub sojourns: Judged,
}

/// What was judged of one kind of primary work since the start of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judged {
    /// How much.
    pub all: u64,
    /// How much of it was late.
    pub late: u64,
    /// What takes longer is late, in seconds; 0 while nothing is.
    pub limit_seconds: f64,
}

impl Default for Reading {
    /// Nothing was seen, so that backfill has everything.
    fn default() -> Self {
        Self {
            share: 1.0,
            is_production_about: false,
            commits: Judged::default(),
            sojourns: Judged::default(),
        }
    }
}

/// How often primary work was in time, and how often late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// As fast as in the quiet.
    pub in_time: u32,
    /// Slower than that.
    pub late: u32,
}

impl Judgement {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            in_time: self.in_time.saturating_add(other.in_time),
            late: self.late.saturating_add(other.late),
        }
    }

    /// Whether nothing was judged.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.in_time == 0 && self.late == 0
    }
}
