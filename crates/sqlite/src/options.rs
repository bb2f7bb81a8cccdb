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

/// How many quanta a backfill writer that has a share lets primary ones go first: they make some
/// tens of commits meanwhile, which is about what they make for each message of a small share.
const PATIENCE_QUANTA: u32 = 2;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// When a commit counts as durable.
    pub synchronous: Synchronous,
    /// The longest time one transaction of backfill work may hold the write lock.
    pub quantum: Duration,
    /// The part of what is done that backfill gets at least while production wants everything: 0
    /// for nothing. What was let through elsewhere must not be starved here (L6), neither of the
    /// write lock nor of the processor.
    pub min_share: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::default(),
            quantum: Duration::from_millis(5),
            min_share: 0.0,
        }
    }
}

impl Options {
    /// The longest time a backfill writer lets primary ones go first; `None` for as long as there
    /// are any.
    pub(crate) fn backfill_patience(&self) -> Option<Duration> {
        (self.min_share > 0.0).then(|| self.quantum * PATIENCE_QUANTA)
    }
}
