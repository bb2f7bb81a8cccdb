//! A place where one peer works: new servers, an empty database, and its programs.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bookshelf::demo::tier::Services;
use protean_benchmarks::look::Looks;
use rustix::process::Pid;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::peer::{Peer, Programs};
use crate::program::{Program, Words};

/// A place where one peer works.
pub(crate) struct Place {
    worker: Program,
    pub(crate) submitter: Program,
    pub(crate) looks: Looks,
    programs: Programs,
    pub(crate) services: Services,
    /// Goes last.
    home: TempDir,
}

impl Place {
    /// Starts everything, and waits until it can be used.
    pub(crate) fn start(peer: Peer, own: &Path, peers: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for the peer")?;
        let home = folder.path();
        let services = Services::start(peer.tier())?;
        let programs = peer.programs(own, peers, home, &services)?;
        if let (Some(schema), Some(uri)) = (peer.schema(), services.database_uri()) {
            execute(uri, schema)?;
        }
        if let Some(setup) = &programs.setup {
            Program::spawn("setup", setup, home)?.finish()?;
        }
        let worker = Program::spawn("worker", &programs.worker, home)?;
        worker.ready(programs.ready)?;
        let submitter = Program::spawn("submit", &programs.submit, home)?;
        submitter.ready("ready")?;
        let looks = Looks::open(home, services.database_uri())?;
        Ok(Self {
            worker,
            submitter,
            looks,
            programs,
            services,
            home: folder,
        })
    }

    /// Looks of another thread.
    pub(crate) fn other_looks(&self) -> Result<Looks> {
        Looks::open(self.home.path(), self.services.database_uri())
    }

    /// Writes a catalog of so many books.
    pub(crate) fn write_catalog(&self, rows: u64) -> Result<()> {
        let file = std::fs::File::create(self.catalog())?;
        Ok(bookshelf::sample::write_catalog(
            rows,
            BufWriter::new(file),
        )?)
    }

    /// Has all books of the catalog asked for.
    pub(crate) fn enqueue(&self) -> Result<Program> {
        let mut words: Words = self.programs.enqueue.clone();
        words.arguments.push(self.catalog().into());
        Program::spawn("enqueue", &words, self.home.path())
    }

    fn catalog(&self) -> PathBuf {
        self.home.path().join("catalog.csv")
    }

    /// The process groups of what goes on all the time.
    pub(crate) fn groups(&self) -> [Pid; 2] {
        [self.worker.group(), self.submitter.group()]
    }

    /// Whether the worker has not ended.
    pub(crate) fn works(&mut self) -> Result<bool> {
        self.worker.is_running()
    }
}

fn execute(uri: &str, statements: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(uri, NoTls).await?;
        tokio::spawn(connection);
        Ok(client.batch_execute(statements).await?)
    })
}
