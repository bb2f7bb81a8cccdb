//! The conformance suite of every port, on a database and a Redis of its own for each case.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{LazyLock, OnceLock};

use protean_core::Lane;
use protean_core::port::Tier;
use protean_postgres::Postgres;
use protean_redis::{Options, Redis};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_services::redis::{Mode, Options as RedisOptions};
use protean_testing::Fixture;

/// The database server that all cases share; it ends with the test's process.
static DATABASES: LazyLock<protean_services::Postgres> = LazyLock::new(|| {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    protean_services::Postgres::start_with(&options).unwrap()
});

/// A place with servers of its own.
struct Servers {
    redis: protean_services::Redis,
    scheme: &'static str,
    database: OnceLock<String>,
}

impl Servers {
    fn start(mode: Mode, scheme: &'static str) -> Self {
        let options = RedisOptions {
            mode,
            ..RedisOptions::default()
        };
        Self {
            redis: protean_services::Redis::start(options).unwrap(),
            scheme,
            database: OnceLock::new(),
        }
    }
}

impl Fixture for Servers {
    async fn open(&self) -> Tier {
        let database = self
            .database
            .get_or_init(|| DATABASES.create_database().unwrap());
        let postgres = Postgres::new(database, protean_postgres::Options::default()).unwrap();
        let uri = self.redis.uri().replace("redis://", self.scheme);
        let tier = Redis::new(&uri, postgres, Options::default())
            .unwrap()
            .tier();
        // As a server does, for as long as the test runs.
        for lane in Lane::ALL {
            let broker = tier.broker.clone();
            tokio::spawn(async move { broker.attend(lane).await });
        }
        tier
    }
}

mod single {
    use super::*;

    protean_testing::suite!(Servers::start(Mode::Single, "redis://"));
}

mod cluster {
    use super::*;

    protean_testing::suite!(Servers::start(Mode::Cluster, "redis+cluster://"));
}
