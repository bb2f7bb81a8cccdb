//! Backfill that makes no progress although messages wait, and why (L6).
//!
//! Nobody waits for bulk work, so nobody notices when it stands still. Whatever the reason is, it
//! is to be told before somebody asks: a [`Watch`] for each subscription decides from what is seen
//! of it, without input or output and without a clock of its own.

mod cause;
mod watch;

use std::time::Duration;

pub use cause::{Cause, Sight};
pub use watch::{Change, Watch};

/// How long backfill makes no progress before that is told, unless [`Watch::new`] is told
/// otherwise: longer than any retry, checkpoint or restart takes that mends itself.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Backfill of a subscription that makes no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Why, as far as this process can tell.
    pub cause: Cause,
    /// For how long.
    pub lasted: Duration,
    /// Messages that wait, those of every process.
    pub waiting: u64,
}
