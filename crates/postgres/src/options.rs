//! How a database is opened.

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections for primary work, at most.
    pub primary_connections: usize,
    /// Connections for backfill work, at most.
    pub backfill_connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            primary_connections: 8,
            backfill_connections: 4,
        }
    }
}
