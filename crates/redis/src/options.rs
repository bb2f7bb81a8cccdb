//! How Redis is used.

use std::path::PathBuf;

use protean_core::Priority;

/// How Redis is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the name of a backfill stream ends with.
    pub backfill_suffix: String,
    /// Messages that a backfill stream holds at most; the rest waits in the outbox.
    pub backfill_window: u64,
    /// Messages of a lower priority than this are backfill.
    pub threshold: Priority,
    /// The certificates, as PEM, of whoever vouches for a server that is reached by `rediss://`;
    /// those of the machine unless given.
    pub authorities: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backfill_suffix: "backfill".to_owned(),
            backfill_window: 10_000,
            threshold: Priority::Normal,
            authorities: None,
        }
    }
}
