//! How a file is opened.

use std::time::Duration;

/// When a commit counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// It survives the death of any process, and of the machine up to the last checkpoint.
    #[default]
    Normal,
    /// It survives the loss of power, at the price of one flush per group of commits.
    Full,
}

impl Synchronous {
    pub(crate) const fn pragma(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Full => "FULL",
        }
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When a commit counts as durable.
    pub synchronous: Synchronous,
    /// The longest time one transaction of backfill work may hold the write lock.
    pub quantum: Duration,
    /// The longest time a backfill writer lets primary ones go first; `None` for as long as there
    /// are any. With a `min_share` it must not be starved here, after it was let through elsewhere
    /// (L6).
    pub backfill_patience: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::default(),
            quantum: Duration::from_millis(5),
            backfill_patience: None,
        }
    }
}
