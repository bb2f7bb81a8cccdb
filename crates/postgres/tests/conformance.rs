//! The conformance suite of every port, on a database of its own for each case.

use std::sync::{LazyLock, OnceLock};

use protean_core::port::Tier;
use protean_postgres::{Options, Postgres};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_testing::Fixture;

/// The server that all cases share; it ends with the test's process.
#[allow(clippy::unwrap_used, reason = "a test may panic")]
static SERVER: LazyLock<protean_services::Postgres> = LazyLock::new(|| {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    protean_services::Postgres::start_with(&options).unwrap()
});

#[derive(Default)]
struct Database {
    uri: OnceLock<String>,
}

impl Fixture for Database {
    #[allow(clippy::unwrap_used, reason = "a test may panic")]
    async fn open(&self) -> Tier {
        let uri = self.uri.get_or_init(|| SERVER.create_database().unwrap());
        Postgres::new(uri, Options::default()).unwrap().tier()
    }
}

protean_testing::suite!(Database::default());

mod told {
    use super::*;

    protean_testing::cases!(Database::default(), along: what_went_along_is_news_to_others_alone,);
}
