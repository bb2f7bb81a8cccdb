//! How a database is opened.

use std::time::Duration;

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections for primary work, at most.
    pub primary_connections: usize,
    /// Connections for backfill work, at most.
    pub backfill_connections: usize,
    /// How long backfill work may hold what primary work needs (L2).
    pub quantum: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            primary_connections: 8,
            backfill_connections: 4,
            quantum: Duration::from_millis(5),
        }
    }
}
