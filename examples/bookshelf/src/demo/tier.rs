//! What the bookstore runs on: the servers of a tier, and the `domain.toml` that picks it.
//!
//! The application and everything that is measured are the same on every tier, so this is the only
//! part of the demonstration that knows one from another. The benchmarks use it, too.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use protean_services::{Postgres, Redis, redis};

/// What is the same on every tier, as in the bookstore's own `domain.toml`.
const COMMON: &str = "\
event_processing = \"async\"
command_processing = \"async\"
";

/// What keeps the shop's rows and moves its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// One SQLite file, and no server
    Sqlite,
    /// PostgreSQL alone
    Postgres,
    /// PostgreSQL for the rows, Redis Streams for the messages
    Redis,
}

/// On which lanes bulk work travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    /// On its own.
    Two,
    /// On the one that everything travels on.
    One,
}

/// The servers of a tier. They end when this is dropped, or when this process dies.
#[derive(Debug)]
pub struct Services {
    database: Option<Database>,
    redis: Option<Redis>,
}

/// A PostgreSQL server, and an empty database in it.
#[derive(Debug)]
struct Database {
    uri: String,
    server: Postgres,
}

impl Services {
    /// Starts the servers of a tier, which blocks the thread until they can be used.
    ///
    /// PostgreSQL waits for the disk, as in production: what orders notice is mostly that. Redis
    /// keeps nothing on the disk, since all that it has can be had from the database again.
    ///
    /// # Errors
    /// When a server is not installed, or does not get ready.
    pub fn start(tier: Tier) -> Result<Self> {
        let database = match tier {
            Tier::Sqlite => None,
            Tier::Postgres | Tier::Redis => Some(Database::start()?),
        };
        let redis = match tier {
            Tier::Sqlite | Tier::Postgres => None,
            Tier::Redis => Some(Redis::start(redis::Options::default())?),
        };
        Ok(Self { database, redis })
    }

    /// Has the shop in a folder use them.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn configure(&self, folder: &Path, lanes: Lanes) -> Result<()> {
        let file = folder.join("domain.toml");
        std::fs::write(&file, self.domain_toml(lanes))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// The database that the shop uses; none when it is a file.
    #[must_use]
    pub fn database_uri(&self) -> Option<&str> {
        self.database.as_ref().map(|database| database.uri.as_str())
    }

    /// The Redis that carries the messages; none without one.
    #[must_use]
    pub fn redis_uri(&self) -> Option<String> {
        self.redis.as_ref().map(Redis::uri)
    }

    /// The servers by their names, and their processes.
    #[must_use]
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        let database = self.database.as_ref().and_then(|it| it.server.pid());
        let redis = self.redis.as_ref().and_then(Redis::pid);
        let named = [("PostgreSQL", database), ("Redis", redis)];
        let running = named.into_iter().filter_map(|(name, id)| Some((name, id?)));
        running.collect()
    }

    /// The most memory that Redis had in use for its data and its clients; none without Redis.
    /// Blocks the thread.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn redis_peak_bytes(&self) -> Result<Option<u64>> {
        let Some(redis) = &self.redis else {
            return Ok(None);
        };
        let bytes = redis.info("used_memory_peak")?;
        let bytes = bytes
            .trim()
            .parse()
            .context("Redis tells no number of bytes")?;
        Ok(Some(bytes))
    }

    /// What runs and where, in one line.
    #[must_use]
    pub fn banner(&self) -> String {
        let Some(database) = &self.database else {
            return "The shop is one SQLite file; no other server is started.".to_owned();
        };
        let mut text = format!("PostgreSQL runs at {}, with fsync on", database.uri);
        if let Some(redis) = &self.redis {
            let uri = redis.uri();
            let _ = write!(text, "; Redis runs at {uri}, which keeps nothing on disk");
        }
        text.push('.');
        text
    }

    fn domain_toml(&self, lanes: Lanes) -> String {
        let mut text = COMMON.to_owned();
        let two = lanes == Lanes::Two;
        let _ = write!(text, "\n[server]\npriority_lanes = {two}\n");
        let database = match &self.database {
            None => "provider = \"sqlite\"\npath = \"bookshelf.db\"".to_owned(),
            Some(Database { uri, .. }) => {
                format!("provider = \"postgresql\"\ndatabase_uri = \"{uri}\"")
            }
        };
        let _ = write!(text, "\n[databases.default]\n{database}\n");
        if let Some(redis) = &self.redis {
            let broker = format!("provider = \"redis\"\nURI = \"{}\"", redis.uri());
            let _ = write!(text, "\n[brokers.default]\n{broker}\n");
        }
        text
    }
}

impl Database {
    fn start() -> Result<Self> {
        let server = Postgres::start()?;
        server.season()?;
        let uri = server.create_database()?;
        Ok(Self { uri, server })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_servers_the_shop_is_a_file_of_its_folder() {
        let services = Services::start(Tier::Sqlite).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (lanes, enabled) in [(Lanes::Two, true), (Lanes::One, false)] {
            services.configure(folder.path(), lanes).unwrap();
            let config = protean::config_file::load("bookshelf", folder.path()).unwrap();
            assert_eq!(config.server.priority_lanes.enabled, enabled);
            assert_eq!(config.file, folder.path().join("bookshelf.db"));
        }
        assert_eq!(services.database_uri(), None);
        assert_eq!(services.redis_peak_bytes().unwrap(), None);
    }
}
