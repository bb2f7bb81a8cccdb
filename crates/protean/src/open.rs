//! Opening a domain on the adapters that its configuration asks for, and serving it.

use std::future::Future;
use std::time::Duration;

use protean_core::App;
use protean_core::config::{BrokerProvider, Config, Provider, Synchronous};
use protean_core::domain::{Domain, Registry};
use protean_core::port::{self, Tier};
use protean_server::{Options, Summary};
use protean_sqlite::Sqlite;

/// Why a domain cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] port::Error),
    /// The configuration asks for an adapter that this version does not have.
    #[error(
        "[PE0421] {key} = \"{found}\": this version has no adapter for it; expected \"{expected}\""
    )]
    NoAdapter {
        /// The key.
        key: &'static str,
        /// What it says.
        found: &'static str,
        /// What it may say.
        expected: &'static str,
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
    let tier = embedded(&config)?;
    Ok(App::new(domain, tier, config))
}

fn embedded(config: &Config) -> Result<Tier, OpenError> {
    if config.database.provider != Provider::Sqlite {
        return Err(OpenError::NoAdapter {
            key: "databases.default.provider",
            found: "postgresql",
            expected: "sqlite",
        });
    }
    if config.broker.provider != BrokerProvider::Inline {
        return Err(OpenError::NoAdapter {
            key: "brokers.default.provider",
            found: "redis",
            expected: "inline",
        });
    }
    let options = protean_sqlite::Options {
        quantum: Duration::from_millis(u64::from(config.server.priority_lanes.quantum_ms)),
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
