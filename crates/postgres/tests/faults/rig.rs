//! Servers of a test's own, and tiers that use them as processes do.

use std::sync::LazyLock;

use protean_core::port::Tier;
use protean_postgres::{Options, Postgres};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_services::{Proxy, rewrite};
use protean_testing::item::SCHEMAS;

/// The server that tests share which do not end it; it ends with the test's process.
static SHARED: LazyLock<protean_services::Postgres> = LazyLock::new(server);

/// A server that does not wait for the disk: it survives its own death.
pub(crate) fn server() -> protean_services::Postgres {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    protean_services::Postgres::start_with(&options).unwrap()
}

/// A database of the shared server, with the tables made: its URI.
pub(crate) async fn database() -> String {
    let uri = SHARED.create_database().unwrap();
    open(&uri).tables.setup(SCHEMAS).await.unwrap();
    uri
}

/// A tier as one more process has it.
pub(crate) fn open(uri: &str) -> Tier {
    Postgres::new(uri, Options::default()).unwrap().tier()
}

/// What SQL finds: the rows.
pub(crate) fn query(uri: &str, sql: &str) -> Vec<String> {
    let text = SHARED.query(uri, sql).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Each message took effect once, for each of these subscriptions.
pub(crate) fn assert_once(uri: &str, names: &[&str], messages: u64) {
    for name in names {
        let sql =
            format!("SELECT count(*), count(DISTINCT name) FROM item WHERE name LIKE '{name}/%'");
        assert_eq!(
            query(uri, &sql),
            [format!("{messages}|{messages}")],
            "{name}"
        );
    }
}

/// A proxy in front of a server, and the URI that leads through it.
pub(crate) fn through(uri: &str) -> (Proxy, String) {
    let address = uri.rsplit('@').next().unwrap().split('/').next().unwrap();
    let proxy = Proxy::start(address.parse().unwrap()).unwrap();
    let uri = rewrite(uri, proxy.address());
    (proxy, uri)
}
