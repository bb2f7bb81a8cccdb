//! The configuration: what `domain.toml` says, read strictly.
//!
//! A key that does nothing is worse than an error, so everything that is unknown, of the wrong type
//! or out of range is reported, all of it at once, with its place. The keys are those of Protean
//! for Python where it has them.

mod interpolate;
mod nearest;
mod overlay;
mod problem;
mod retention;
mod retry;
mod secret;
mod server;
mod store;
mod table;
mod telemetry;
mod tree;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use nearest::nearest;
pub use problem::{Error, Problem};
pub use retention::{Age, Retention};
pub use retry::RetryPolicy;
pub use secret::Secret;
pub use server::{CrossLaneOrder, Metrics, PriorityLanes, Server};
pub use store::{Broker, BrokerProvider, Database, Provider, Synchronous};
pub use telemetry::Telemetry;

use problem::Problems;
use table::Table;

/// When a command or an event is handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processing {
    /// By a server, after the caller has gone on.
    #[default]
    Async,
    /// In the process of the caller, before it goes on.
    Sync,
}

/// What an application is told from outside.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The file of the embedded tier. Empty until it is chosen, with [`Config::use_file`].
    pub file: PathBuf,
    /// `[databases.default]`: where rows, messages and positions are kept.
    pub database: Database,
    /// `[brokers.default]`: what moves messages.
    pub broker: Broker,
    /// `[server]`: how messages are handled.
    pub server: Server,
    /// `[retention]`: how long what is done with is kept.
    pub retention: Retention,
    /// `[telemetry]`: where spans go.
    pub telemetry: Telemetry,
    /// `command_processing`.
    pub command_processing: Processing,
    /// `event_processing`.
    pub event_processing: Processing,
    /// `[custom]`: the application's own settings, untouched.
    pub custom: toml::Table,
}

/// The keys of the top level.
const TOP_LEVEL: [&str; 9] = [
    "databases",
    "brokers",
    "event_store",
    "server",
    "retention",
    "telemetry",
    "command_processing",
    "event_processing",
    "custom",
];

/// Keys that only Protean for Python gives a meaning.
const FOREIGN: [&str; 20] = [
    "env",
    "testing",
    "debug",
    "secret_key",
    "source_uri",
    "identity_strategy",
    "identity_type",
    "message_processing",
    "lenient_deserialization",
    "command_default_timeout",
    "caches",
    "email_providers",
    "snapshot_threshold",
    "enable_outbox",
    "outbox",
    "idempotency",
    "consume_idempotency",
    "logging",
    "observatory",
    "lint",
];

const PROCESSING: [(&str, Processing); 2] =
    [("async", Processing::Async), ("sync", Processing::Sync)];

impl Config {
    /// Keeps the domain in this file, on the embedded tier.
    pub fn use_file(&mut self, file: &Path) {
        file.clone_into(&mut self.file);
    }

    /// Reads a configuration. `file` is how problems call the text. The table `[overlay]`, if there
    /// is one, is laid over the rest. `${NAME}` and `${NAME|default}` in texts stand for what
    /// `variable` says.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn parse(
        text: &str,
        file: &str,
        overlay: Option<&str>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let problems = Problems::new(file);
        let mut config = Self::default();
        if let Some(tree) = tree::parse(text, &problems) {
            let mut tree = overlay::apply(tree, overlay, &TOP_LEVEL, &FOREIGN);
            interpolate::apply(&mut tree, variable, &problems);
            config.read(Table::root(tree, &problems));
        }
        problems.into_result()?;
        Ok(config)
    }

    /// How the failures of this handler's messages are met.
    #[must_use]
    pub fn retry_for(&self, handler: &str) -> RetryPolicy {
        let own = self.server.subscriptions.get(handler);
        own.unwrap_or(&self.server.retry).clone()
    }

    fn read(&mut self, mut root: Table<'_>) {
        if let Some(databases) = root.table("databases") {
            store::databases(databases, self);
        }
        if let Some(brokers) = root.table("brokers") {
            store::brokers(brokers, &mut self.broker);
        }
        if let Some(event_store) = root.table("event_store") {
            store::event_store(event_store, self.database.provider);
        }
        root.choice(
            "command_processing",
            &PROCESSING,
            &mut self.command_processing,
        );
        root.choice("event_processing", &PROCESSING, &mut self.event_processing);
        if let Some(server) = root.table("server") {
            self.server.read(server);
        }
        if let Some(retention) = root.table("retention") {
            self.retention.read(retention);
        }
        if let Some(telemetry) = root.table("telemetry") {
            self.telemetry.read(telemetry);
        }
        root.verbatim("custom", &mut self.custom);
        root.foreign(&FOREIGN);
        root.finish();
    }
}
