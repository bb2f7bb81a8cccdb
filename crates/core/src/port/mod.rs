//! The ports: what the framework asks of a store and a broker.
//!
//! Each port has one conformance suite, which every adapter passes unchanged. A tier is one choice
//! of adapters; on the embedded tier a single SQLite file plays all the parts.

mod ahead;
pub mod along;
pub mod broker;
pub mod controls;
pub mod dead_letters;
pub mod imports;
pub mod log;
pub mod retention;
pub mod servers;
pub mod store;
pub mod tables;
pub mod trace;
pub mod tracer;

use std::sync::Arc;

pub use broker::Broker;
pub use controls::Controls;
pub use dead_letters::DeadLetters;
pub use imports::Imports;
pub use log::Log;
pub use retention::Retention;
pub use servers::Servers;
pub use store::Store;
pub use tables::Tables;
pub use tracer::Tracer;

/// One choice of adapters.
#[derive(Clone)]
pub struct Tier {
    /// Rows, and the commits that join rows, messages and acknowledgements.
    pub store: Arc<dyn Store>,
    /// The streams, as subscriptions read them.
    pub broker: Arc<dyn Broker>,
    /// The messages, as people read them.
    pub log: Arc<dyn Log>,
    /// The messages that subscriptions gave up.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// What operators ask of backfill lanes.
    pub controls: Arc<dyn Controls>,
    /// Imports.
    pub imports: Arc<dyn Imports>,
    /// What is old.
    pub retention: Arc<dyn Retention>,
    /// The servers that are alive.
    pub servers: Arc<dyn Servers>,
    /// The tables themselves.
    pub tables: Arc<dyn Tables>,
}

/// Why an adapter could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store or the broker cannot be reached or did not answer in time; passing.
    #[error("[PE0201] {what} is not available: {why}")]
    Unavailable {
        /// What was asked.
        what: String,
        /// What it said, or how long it was waited for.
        why: String,
    },
    /// A table or column that the code expects is missing or different.
    #[error("[PE0202] the tables do not fit the code: {why}; run `db setup`")]
    Tables {
        /// What does not fit.
        why: String,
    },
    /// A query names a column that its element does not have.
    #[error("[PE0203] {table} has no column \"{column}\"; it has {columns}")]
    UnknownColumn {
        /// The table.
        table: &'static str,
        /// The column asked for.
        column: String,
        /// The columns there are.
        columns: String,
    },
    /// What the store holds cannot be read back.
    #[error("[PE0204] unreadable row in {table}: {why}")]
    Corrupt {
        /// The table.
        table: String,
        /// What is wrong.
        why: String,
    },
    /// Anything else the store or broker said.
    #[error("[PE0205] {what} failed: {why}")]
    Failed {
        /// What was asked.
        what: String,
        /// What it said.
        why: String,
    },
}

impl Error {
    /// Whether asking again later can help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
