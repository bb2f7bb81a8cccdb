//! `[databases]`, `[brokers]` and `[event_store]`: where things are kept, and what moves them.

use std::path::PathBuf;

use super::Config;
use super::secret::Secret;
use super::table::Table;

/// What begins a URI that is a file.
const FILE_URI: &str = "sqlite:///";

/// The most connections of one process: PostgreSQL takes a hundred in all unless told otherwise.
const POOL_SIZE_MAX: i64 = 1_000;

/// Where rows, messages and positions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The kind of database.
    pub provider: Provider,
    /// `database_uri`: how to reach it, if it is not a file.
    pub uri: Option<Secret>,
    /// When a write counts as durable.
    pub synchronous: Synchronous,
    /// `pool_size`: connections for primary work that a process makes at most, on PostgreSQL.
    /// Backfill work has its own.
    pub pool_size: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            provider: Provider::default(),
            uri: None,
            synchronous: Synchronous::default(),
            pool_size: 8,
        }
    }
}

/// The kinds of database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// One SQLite file, shared by the processes of one machine.
    #[default]
    Sqlite,
    /// PostgreSQL.
    Postgresql,
}

/// When a write counts as durable, on SQLite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// It survives the death of any process, and of the machine up to the last checkpoint.
    #[default]
    Normal,
    /// It survives the loss of power.
    Full,
}

/// What moves messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broker {
    /// The kind of broker.
    pub provider: BrokerProvider,
    /// `URI`: how to reach it, if it is not the database.
    pub uri: Option<Secret>,
    /// `ca_file`: who vouches for a server that is reached by `rediss://`, as PEM; those that the
    /// machine trusts unless given.
    pub ca_file: Option<PathBuf>,
}

/// The kinds of broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokerProvider {
    /// The database itself: the message table is the stream.
    #[default]
    Inline,
    /// Redis Streams.
    Redis,
}

const PROVIDERS: [(&str, Provider); 2] = [
    ("sqlite", Provider::Sqlite),
    ("postgresql", Provider::Postgresql),
];

pub(super) fn databases(mut databases: Table<'_>, config: &mut Config) {
    let Some(mut table) = databases.table("default") else {
        databases.finish();
        return;
    };
    let database = &mut config.database;
    table.choice("provider", &PROVIDERS, &mut database.provider);
    let levels = [("normal", Synchronous::Normal), ("full", Synchronous::Full)];
    table.choice("synchronous", &levels, &mut database.synchronous);
    if let Some(uri) = table.secret("database_uri") {
        match uri.reveal().strip_prefix(FILE_URI) {
            Some(path) => config.file = PathBuf::from(path),
            None => database.uri = Some(uri),
        }
    }
    if let Some(path) = table.text("path") {
        config.file = PathBuf::from(path);
    }
    table.integer("pool_size", 1..=POOL_SIZE_MAX, &mut database.pool_size);
    table.foreign(&["max_overflow", "pool_recycle", "managed"]);
    table.finish();
    databases.foreign(&["memory"]);
    databases.finish();
}

pub(super) fn brokers(mut brokers: Table<'_>, broker: &mut Broker) {
    if let Some(mut table) = brokers.table("default") {
        let providers = [
            ("inline", BrokerProvider::Inline),
            ("redis", BrokerProvider::Redis),
        ];
        table.choice("provider", &providers, &mut broker.provider);
        if let Some(uri) = table.secret("URI") {
            broker.uri = Some(uri);
        }
        if let Some(file) = table.text("ca_file") {
            broker.ca_file = Some(PathBuf::from(file));
        }
        table.foreign(&[
            "max_connections",
            "socket_timeout",
            "socket_connect_timeout",
            "retry_on_timeout",
        ]);
        table.finish();
    }
    brokers.finish();
}

/// Events are kept in the database, so that they commit with the rows; naming the same database is
/// fine.
pub(super) fn event_store(mut table: Table<'_>, database: Provider) {
    let same = PROVIDERS.iter().find(|(_, provider)| *provider == database);
    let mut provider = database;
    table.choice(
        "provider",
        same.map_or(&[], std::slice::from_ref),
        &mut provider,
    );
    table.foreign(&["database_uri"]);
    table.finish();
}
