//! What the command line asks of an application.

use std::error::Error as StdError;

use protean_core::config::Config;
use protean_core::domain::Domain;
use protean_core::{App, BoxFuture};

use crate::Error;

/// Any reason why an application cannot be started.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// An application, before it is opened.
pub trait Host {
    /// Its domain.
    type Domain: Domain;

    /// Reads its configuration.
    ///
    /// # Errors
    /// Whatever is wrong with the configuration, all at once.
    fn config(&self) -> Result<Config, Cause>;

    /// Builds the domain on its adapters, without making tables.
    ///
    /// # Errors
    /// When the store or the broker cannot be used.
    fn connect(self, config: Config) -> BoxFuture<'static, Result<App<Self::Domain>, Cause>>;
}

/// Refuses a `--domain` that is another one than this program's.
pub(crate) fn check_name<H: Host>(asked: Option<&str>) -> Result<(), Error> {
    match asked {
        Some(asked) if asked != H::Domain::NAME => Err(Error::OtherDomain {
            asked: asked.to_owned(),
            found: H::Domain::NAME,
        }),
        _ => Ok(()),
    }
}
