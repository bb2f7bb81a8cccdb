//! What the bookstore runs on.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use protean_services::{Postgres, Redis, redis};

/// What the bookstore runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// One SQLite file.
    Sqlite,
    /// PostgreSQL alone.
    Postgres,
    /// PostgreSQL and Redis Streams.
    Redis,
}

impl Tier {
    const ALL: [(&str, Self); 3] = [
        ("sqlite", Self::Sqlite),
        ("postgres", Self::Postgres),
        ("redis", Self::Redis),
    ];

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|(name, _)| *name == text);
        match known {
            Some((_, tier)) => Ok(tier),
            None => bail!("expected sqlite, postgres or redis after `--tier`, found `{text}`"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        let own = Self::ALL.into_iter().find(|(_, tier)| *tier == self);
        own.map_or("", |(name, _)| name)
    }
}

/// The servers of a tier, which end with this value.
pub(crate) struct Place {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

impl Place {
    /// Starts what the tier needs, and tells the bookstore in `home` of it.
    pub(crate) fn start(tier: Tier, home: &Path) -> Result<Self> {
        let mut place = Self {
            postgres: None,
            redis: None,
        };
        let mut config = String::new();
        if tier != Tier::Sqlite {
            let postgres = Postgres::start()?;
            let uri = postgres.create_database()?;
            let _ = write!(
                config,
                "[databases.default]\nprovider = \"postgresql\"\ndatabase_uri = \"{uri}\"\n"
            );
            place.postgres = Some(postgres);
        }
        if tier == Tier::Redis {
            let redis = Redis::start(redis::Options::default())?;
            let uri = redis.uri();
            let _ = write!(
                config,
                "[brokers.default]\nprovider = \"redis\"\nURI = \"{uri}\"\n"
            );
            place.redis = Some(redis);
        }
        if !config.is_empty() {
            std::fs::write(home.join("domain.toml"), config)?;
        }
        Ok(place)
    }

    /// A database for the bare inserts, on the server that the bookstore uses.
    pub(crate) fn bare_database(&self) -> Result<Option<String>> {
        let database = self.postgres.as_ref().map(Postgres::create_database);
        Ok(database.transpose()?)
    }

    /// The most memory that Redis had in use for its data and itself; 0 without one.
    pub(crate) fn redis_peak_bytes(&self) -> Result<u64> {
        let Some(redis) = &self.redis else {
            return Ok(0);
        };
        let peak = redis.info("used_memory_peak")?;
        peak.trim().parse().context("Redis tells no peak")
    }
}
