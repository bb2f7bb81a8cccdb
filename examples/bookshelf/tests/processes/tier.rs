//! What the shop of a test runs on.
//!
//! Tests of one tier share a PostgreSQL server, each with a database of its own: a server takes a
//! second to start. Redis takes next to nothing, and has one keyspace, so each shop has its own.

use std::path::Path;
use std::sync::LazyLock;

use protean_services::postgres::{Fsync, Options, Postgres};
use protean_services::redis::{self, Redis};
use protean_services::{Proxy, rewrite};

/// Enough for the programs of all tests that run at the same time, on a machine with many cores.
const MAX_CONNECTIONS: &str = "1000";

/// The server that shops share. It ends with the process of the tests.
static SHARED: LazyLock<Postgres> = LazyLock::new(start);

/// What keeps a shop's rows and moves its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Sqlite,
    Postgres,
    Redis,
}

/// A database of a shop.
pub struct Database {
    /// Where this test reaches it.
    uri: String,
    /// Its server, if it is not the shared one.
    own: Option<Postgres>,
    /// What the shop's programs reach it through, if not directly.
    proxy: Option<Proxy>,
}

impl Database {
    /// One on the server that others use, too.
    pub fn shared() -> Self {
        Self {
            uri: SHARED.create_database().unwrap(),
            own: None,
            proxy: None,
        }
    }

    /// One on the server that others use, too, over a network that can be made to fail.
    pub fn behind_a_proxy() -> Self {
        let mut database = Self::shared();
        let (_, place) = database.uri.split_once('@').unwrap();
        let (address, _) = place.split_once('/').unwrap();
        database.proxy = Some(Proxy::start(address.parse().unwrap()).unwrap());
        database
    }

    /// One on a server of its own, which may be killed.
    pub fn alone() -> Self {
        let server = start();
        Self {
            uri: server.create_database().unwrap(),
            own: Some(server),
            proxy: None,
        }
    }

    /// Where the shop's programs reach it.
    fn uri(&self) -> String {
        match &self.proxy {
            None => self.uri.clone(),
            Some(proxy) => rewrite(&self.uri, proxy.address()),
        }
    }

    /// The network between it and the shop's programs.
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    pub fn server(&self) -> &Postgres {
        self.own.as_ref().unwrap_or_else(|| &SHARED)
    }

    /// Writes all that it has into a file.
    pub fn dump(&self, file: &Path) {
        self.server().dump(&self.uri, file).unwrap();
    }

    /// One with what a file has.
    pub fn restored(file: &Path) -> Self {
        let database = Self::shared();
        database.server().restore(&database.uri, file).unwrap();
        database
    }

    /// What a query answers, as `psql` prints it.
    pub fn query(&self, sql: &str) -> String {
        self.server().query(&self.uri, sql).unwrap()
    }
}

/// The `domain.toml` of a shop with these servers.
pub fn domain_toml(database: &Database, redis: Option<&Redis>) -> String {
    let uri = database.uri();
    let mut text =
        format!("[databases.default]\nprovider = \"postgresql\"\ndatabase_uri = \"{uri}\"\n");
    if let Some(redis) = redis {
        let uri = redis.uri();
        text += &format!("[brokers.default]\nprovider = \"redis\"\nURI = \"{uri}\"\n");
    }
    text
}

/// A Redis server that keeps nothing on disk.
pub fn redis() -> Redis {
    Redis::start(redis::Options::default()).unwrap()
}

/// A server that does not wait for the disk: what is tested survives a server that is killed, and
/// no test takes the machine's power away.
fn start() -> Postgres {
    let connections = ("max_connections".to_owned(), MAX_CONNECTIONS.to_owned());
    let options = Options {
        fsync: Fsync::Off,
        settings: vec![connections],
    };
    Postgres::start_with(&options).unwrap()
}

/// Makes a test of each tier out of functions that take one: `on_postgres::name` runs `name` on
/// PostgreSQL.
macro_rules! on_every_tier {
    ($($name:ident),+ $(,)?) => {
        crate::tier::on_tier!(on_sqlite, Sqlite, $($name),+);
        crate::tier::on_tier!(on_postgres, Postgres, $($name),+);
        crate::tier::on_tier!(on_redis, Redis, $($name),+);
    };
}

/// Makes tests of one tier.
macro_rules! on_tier {
    ($module:ident, $tier:ident, $($name:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    // Each tier compares with the same snapshots.
                    insta::allow_duplicates! {
                        super::$name(crate::tier::Tier::$tier);
                    }
                }
            )+
        }
    };
}

pub(crate) use {on_every_tier, on_tier};
