//! Opening a domain on the adapters that its configuration asks for, and serving it.

use std::future::Future;
use std::time::Duration;

use protean_core::config::{BrokerProvider, Config, Provider, Synchronous};
use protean_core::domain::{Domain, Registry};
use protean_core::port::{self, Tier};
use protean_core::{App, Priority};
use protean_postgres::Postgres;
use protean_server::{Monitor, Options, Summary};
use protean_sqlite::Sqlite;

/// Why a domain cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] port::Error),
    /// Spans cannot be sent where the environment says.
    #[cfg(feature = "otel")]
    #[error(transparent)]
    Telemetry(#[from] protean_otel::Error),
    /// The configuration asks for something that goes with nothing else it says.
    #[error("[PE0421] {key}: {problem}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong, and how to mend it.
        problem: &'static str,
    },
}

/// Opens a domain on the adapters that the configuration asks for, and makes the tables that are
/// missing.
///
/// # Errors
/// When the store cannot be opened, or holds tables that do not fit the code.
pub async fn open<D: Domain>(domain: D, config: Config) -> Result<App<D>, OpenError> {
    let app = connect(domain, config)?;
    app.tier()
        .tables
        .setup(Registry::<D>::of().tables())
        .await?;
    Ok(app)
}

/// Opens a domain without making its tables: for a program that is to manage them itself. Blocks
/// while a file is opened.
///
/// # Errors
/// When the store cannot be opened.
pub fn connect<D: Domain>(domain: D, config: Config) -> Result<App<D>, OpenError> {
    let tier = tier(&config)?;
    let app = App::new(domain, tier, config);
    #[cfg(feature = "otel")]
    if let Some(tracer) = protean_otel::tracer(D::NAME, &app.config().telemetry)? {
        return Ok(app.with_tracer(tracer));
    }
    #[cfg(not(feature = "otel"))]
    if app.config().telemetry.endpoint.is_some() {
        tracing::warn!("no spans are sent: this program was built without the feature `otel`");
    }
    Ok(app)
}

/// The adapters of the tier that the configuration asks for.
fn tier(config: &Config) -> Result<Tier, OpenError> {
    match (config.database.provider, config.broker.provider) {
        (Provider::Sqlite, BrokerProvider::Inline) => embedded(config),
        (Provider::Sqlite, BrokerProvider::Redis) => Err(OpenError::Config {
            key: "brokers.default.provider",
            problem: "Redis goes with PostgreSQL: say `provider = \"postgresql\"` under \
                      [databases.default], or `provider = \"inline\"` here",
        }),
        (Provider::Postgresql, BrokerProvider::Inline) => Ok(database(config)?.tier()),
        (Provider::Postgresql, BrokerProvider::Redis) => distributed(config),
    }
}

fn database(config: &Config) -> Result<Postgres, OpenError> {
    let uri = config.database.uri.as_ref().ok_or(OpenError::Config {
        key: "databases.default.database_uri",
        problem: "expected where PostgreSQL is, as \"postgresql://user:password@host:5432/name\"",
    })?;
    let options = protean_postgres::Options {
        primary_connections: config.database.pool_size as usize,
        quantum: quantum(config),
        ..protean_postgres::Options::default()
    };
    Ok(Postgres::new(uri.reveal(), options)?)
}

fn quantum(config: &Config) -> Duration {
    Duration::from_millis(u64::from(config.server.priority_lanes.quantum_ms))
}

fn distributed(config: &Config) -> Result<Tier, OpenError> {
    let uri = config.broker.uri.as_ref().ok_or(OpenError::Config {
        key: "brokers.default.URI",
        problem: "expected where Redis is, as \"redis://user:password@host:6379/0\"",
    })?;
    let lanes = &config.server.priority_lanes;
    let options = protean_redis::Options {
        backfill_suffix: lanes.backfill_suffix.clone(),
        backfill_window: u64::from(lanes.backfill_window),
        threshold: Priority::new(lanes.threshold),
        authorities: config.broker.ca_file.clone(),
    };
    Ok(protean_redis::Redis::new(uri.reveal(), database(config)?, options)?.tier())
}

fn embedded(config: &Config) -> Result<Tier, OpenError> {
    let options = protean_sqlite::Options {
        quantum: quantum(config),
        min_share: config.server.priority_lanes.min_share,
        synchronous: match config.database.synchronous {
            Synchronous::Normal => protean_sqlite::Synchronous::Normal,
            Synchronous::Full => protean_sqlite::Synchronous::Full,
        },
    };
    Ok(Sqlite::open(&config.file, options)?.tier())
}

/// Runs every subscription of the domain until `shutdown` resolves and what is in progress is done.
///
/// # Errors
/// When the broker cannot be reached at the start.
pub async fn serve<D: Domain>(
    app: App<D>,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, protean_server::Error> {
    let options = Options::of(&app.config().server);
    protean_server::run(app, options, shutdown).await
}

/// The same, for somebody who watches it: `monitor` is to be [`Monitor::of`] this application, and
/// of no other engine.
///
/// # Errors
/// When the broker cannot be reached at the start.
pub async fn serve_watched<D: Domain>(
    app: App<D>,
    monitor: Monitor,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, protean_server::Error> {
    let options = Options::of(&app.config().server);
    protean_server::run_watched(app, options, monitor, shutdown).await
}
