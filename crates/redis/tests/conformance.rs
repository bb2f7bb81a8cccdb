//! The conformance suite of every port, on a database and a Redis of its own for each case.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{LazyLock, Mutex, OnceLock};

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

/// Clusters that are started at a time, ahead of the cases: each serves nothing for its first two
/// seconds, in which it only waits.
const STARTING: usize = 4;

/// Clusters that serve.
static CLUSTERS: LazyLock<Mutex<Receiver<protean_services::Redis>>> = LazyLock::new(|| {
    let (started, clusters) = sync_channel(0);
    for _ in 0..STARTING {
        let started = started.clone();
        std::thread::spawn(move || while started.send(redis(Mode::Cluster)).is_ok() {});
    }
    Mutex::new(clusters)
});

fn redis(mode: Mode) -> protean_services::Redis {
    let options = RedisOptions {
        mode,
        ..RedisOptions::default()
    };
    protean_services::Redis::start(options).unwrap()
}

/// A place with servers of its own.
struct Servers {
    redis: protean_services::Redis,
    scheme: &'static str,
    database: OnceLock<String>,
}

impl Servers {
    fn single() -> Self {
        Self::of(redis(Mode::Single), "redis://")
    }

    fn cluster() -> Self {
        let clusters = CLUSTERS.lock().unwrap();
        Self::of(clusters.recv().unwrap(), "redis+cluster://")
    }

    const fn of(redis: protean_services::Redis, scheme: &'static str) -> Self {
        Self {
            redis,
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

    protean_testing::suite!(Servers::single());
}

mod cluster {
    use super::*;

    protean_testing::suite!(Servers::cluster());
}
