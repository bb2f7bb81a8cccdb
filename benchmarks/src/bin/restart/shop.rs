//! The shop of one measurement: a folder, and the processes.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::{Lanes, Services};
use protean_benchmarks::front::Front;
use protean_benchmarks::program;

/// How long the first books of an import may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what is imported.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A shop that runs.
pub(crate) struct Shop {
    pub(crate) front: Front,
    /// Those that run longest first.
    servers: VecDeque<Process>,
    importer: Option<Process>,
}

impl Shop {
    /// Starts the API and so many servers on an empty database.
    pub(crate) async fn start(services: &Services, servers: u64) -> Result<Self> {
        let mut shop = Self {
            front: Front::start(services, Lanes::Two).await?,
            servers: VecDeque::new(),
            importer: None,
        };
        for _ in 0..servers {
            shop.start_server().await?;
        }
        Ok(shop)
    }

    async fn start_server(&mut self) -> Result<()> {
        let arguments = ["server", "--metrics-port", "0"];
        let ready = "Engine running";
        let server = program("bookshelf")?;
        let server = Process::start(&server, self.front.home(), &arguments, ready).await?;
        self.servers.push_back(server);
        Ok(())
    }

    /// Restarts the server that has run longest.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        let oldest = self.servers.pop_front().context("there is no server")?;
        oldest.stop().await?;
        self.start_server().await
    }

    /// Starts the import, and waits until the first of its books are in the catalog.
    pub(crate) async fn start_import(&mut self, catalog: &Path) -> Result<()> {
        let catalog = catalog.to_str().context("a path that is no text")?;
        let importer = program("import_vintage_press")?;
        let importer = Process::spawn(&importer, self.front.home(), &[catalog, "--json"])?;
        self.importer = Some(importer);
        let started = Instant::now();
        loop {
            let open = self.front.looks();
            if tokio::task::spawn_blocking(move || open()?.books()).await?? > 0 {
                return Ok(());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "no book was imported in {PATIENCE:?}"
            );
            // sleep: between two looks at a catalog that grows without a signal
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Ends it, whatever it has before it.
    pub(crate) async fn end(self) -> Result<()> {
        if let Some(mut importer) = self.importer {
            ensure!(
                importer.is_running()?,
                "the import was over before the measurement"
            );
            importer.kill().await?;
        }
        for mut server in self.servers {
            ensure!(server.is_running()?, "a server ended");
            server.kill().await?;
        }
        self.front.end().await
    }
}
