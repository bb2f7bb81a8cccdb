//! What customers see of a shop that is measured: its API, and its projections.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bookshelf::demo::client::Client;
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::{Lanes, Services};
use tempfile::TempDir;

use crate::look::Looks;
use crate::program;

/// The folder of a shop, its database, and its API, which is a process of its own.
pub struct Front {
    database_uri: Option<String>,
    api: Process,
    /// Goes last.
    home: TempDir,
}

impl Front {
    /// Starts the API in a new folder, on an empty database.
    ///
    /// # Errors
    /// When there is no folder, or the API does not start.
    pub async fn start(services: &Services, lanes: Lanes) -> Result<Self> {
        let home = tempfile::tempdir().context("no folder for the shop")?;
        services.configure(home.path(), lanes)?;
        let api = ["api", "--port", "0"];
        let bookshelf = program("bookshelf")?;
        let api = Process::start(&bookshelf, home.path(), &api, "Listening on").await?;
        Ok(Self {
            database_uri: services.database_uri().map(str::to_owned),
            api,
            home,
        })
    }

    /// The folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A customer of the API.
    ///
    /// # Errors
    /// When the API told no address.
    pub fn client(&self) -> Result<Client> {
        let line = self.api.first_line();
        Client::new(line.trim_start_matches("Listening on http://"))
    }

    /// How looks at the projections are opened, on the thread that looks.
    pub fn looks(&self) -> impl FnOnce() -> Result<Looks> + Send + use<> {
        let home: PathBuf = self.home().to_owned();
        let uri = self.database_uri.clone();
        move || Looks::open(&home, uri.as_deref())
    }

    /// Ends the API.
    ///
    /// # Errors
    /// When it has ended before.
    pub async fn end(mut self) -> Result<()> {
        ensure!(self.api.is_running()?, "the API ended");
        self.api.kill().await
    }
}
