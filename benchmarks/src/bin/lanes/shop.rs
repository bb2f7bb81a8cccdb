//! The shop of one measurement: a folder, a database, and the processes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bookshelf::Bookshelf;
use bookshelf::book::{AddBook, BookId};
use bookshelf::catalog::BookCatalog;
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::Services;
use protean::App;
use protean::app::{Submission, iter};
use protean_benchmarks::front::Front;
use protean_benchmarks::program;

use crate::phase::Phase;

/// Books that are taken in before, whose prices change: so many that one is seldom changed again
/// while it is awaited.
const BOOKS: usize = 2_000;

/// What is taken in before may take so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what is taken in.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A shop that runs.
pub(crate) struct Shop {
    pub(crate) app: App<Bookshelf>,
    pub(crate) books: Vec<String>,
    pub(crate) front: Front,
    server: Process,
    importer: Option<Process>,
}

/// The books in the catalog at an instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) at: Instant,
    pub(crate) books: u64,
}

impl Shop {
    /// Starts server and API on a database that is empty but for some books.
    pub(crate) async fn start(services: &Services, phase: Phase) -> Result<Self> {
        let front = Front::start(services, phase.lanes()).await?;
        let server = start_server(front.home(), phase).await?;
        let app = bookshelf::open(front.home()).await?;
        let books = take_in(&app).await?;
        Ok(Self {
            app,
            books,
            front,
            server,
            importer: None,
        })
    }

    /// The books in the catalog now.
    pub(crate) async fn count(&self) -> Result<Count> {
        let open = self.front.looks();
        let count = move || {
            let looks = open()?;
            let at = Instant::now();
            let books = looks.books()?;
            anyhow::Ok(Count { at, books })
        };
        tokio::task::spawn_blocking(count).await?
    }

    /// Starts the import, and waits until the first of its books are in the catalog.
    pub(crate) async fn start_import(&mut self, phase: Phase, catalog: &Path) -> Result<()> {
        let catalog = catalog.to_str().context("a path that is no text")?;
        let (importer, arguments) = phase.importer();
        let arguments = [arguments, &[catalog, "--json"]].concat();
        let importer = Process::spawn(&program(importer)?, self.front.home(), &arguments)?;
        self.importer = Some(importer);
        let started = Instant::now();
        while self.count().await?.books <= self.books.len() as u64 {
            ensure!(
                started.elapsed() < PATIENCE,
                "no book was imported in {PATIENCE:?}"
            );
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// Whether the importer has read its file to the end.
    pub(crate) fn import_ended(&mut self) -> Result<bool> {
        let running = self.importer.as_mut().map(Process::is_running);
        Ok(running.transpose()? == Some(false))
    }

    /// Ends it, whatever it has before it.
    pub(crate) async fn end(mut self) -> Result<()> {
        ensure!(self.server.is_running()?, "the server ended");
        if let Some(importer) = self.importer {
            importer.kill().await?;
        }
        self.front.end().await?;
        self.server.kill().await
    }
}

async fn start_server(home: &Path, phase: Phase) -> Result<Process> {
    let ready = "Engine running";
    match phase.burden() {
        None => Process::start(&program("bookshelf")?, home, &["server"], ready).await,
        Some(burden) => {
            let own = std::env::current_exe()?;
            let arguments = ["burdened", burden.name(), "server"];
            Process::start(&own, home, &arguments, ready).await
        }
    }
}

/// Takes the books in whose prices change, and waits until they are in the catalog.
async fn take_in(app: &App<Bookshelf>) -> Result<Vec<String>> {
    let ids: Vec<BookId> = (0..BOOKS).map(|_| BookId::new()).collect();
    let commands = ids.iter().map(|book_id| {
        Submission::new(AddBook {
            book_id: *book_id,
            title: format!("The Price of {book_id}"),
            author: "Ada Marsh".to_owned(),
            isbn: None,
            price_amount: 1.into(),
            description: None,
        })
    });
    let mut answers = app.process_all(iter(commands));
    while let Some(answer) = answers.next().await {
        answer?;
    }
    let started = Instant::now();
    let view = app.view::<BookCatalog>();
    while view.select().limit(1).page().await?.total < BOOKS as u64 {
        ensure!(
            started.elapsed() < PATIENCE,
            "{BOOKS} books were not taken in in {PATIENCE:?}"
        );
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Ok(ids.iter().map(BookId::to_string).collect())
}
