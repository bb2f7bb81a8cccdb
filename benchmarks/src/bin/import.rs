//! `cargo xtask bench import [-- --rows N --rounds N]`: how fast a catalog is taken in, from the
//! file to the catalog that customers browse, by a server and an importer that are processes of
//! their own; and how fast SQLite takes the same rows with nothing around it.
//!
//! The two are measured in turns, so that a noisy machine is noisy for both.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use protean::cli::{Status, grouped};
use rusqlite::{Connection, params};

/// Rows in one transaction of the bare inserts: as many as the importer puts into one chunk.
const BATCH_ROWS: usize = 500;

/// The longest time a round may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What one round came to.
struct Round {
    bare: f64,
    imported: f64,
    memory_bytes: u64,
}

fn main() -> Result<()> {
    let (rows, rounds) = arguments()?;
    println!("{} rows, {rounds} rounds", grouped(rows));
    println!(
        "{:>6}{:>14}{:>14}{:>8}{:>12}",
        "round", "bare rows/s", "books/s", "ratio", "server MB"
    );
    let mut all = Vec::new();
    for nth in 1..=rounds {
        let round = measure(rows)?;
        print(&nth.to_string(), &round);
        all.push(round);
    }
    let median = |part: fn(&Round) -> f64| {
        let mut parts: Vec<f64> = all.iter().map(part).collect();
        parts.sort_by(f64::total_cmp);
        parts[parts.len() / 2]
    };
    let round = Round {
        bare: median(|round| round.bare),
        imported: median(|round| round.imported),
        memory_bytes: all
            .iter()
            .map(|round| round.memory_bytes)
            .max()
            .unwrap_or_default(),
    };
    print("median", &round);
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and far below 2^52"
)]
fn print(label: &str, round: &Round) {
    println!(
        "{label:>6}{:>14}{:>14}{:>8.3}{:>12}",
        grouped(round.bare as u64),
        grouped(round.imported as u64),
        round.imported / round.bare,
        round.memory_bytes / 1_000_000,
    );
}

fn arguments() -> Result<(u64, u64)> {
    let (mut rows, mut rounds) = (50_000, 5);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .and_then(|value| value.parse().ok())
            .filter(|value| *value > 0);
        let value = value.with_context(|| format!("expected a number above 0 after `{word}`"))?;
        match word.as_str() {
            "--rows" => rows = value,
            "--rounds" => rounds = value,
            _ => bail!("expected `--rows N` or `--rounds N`, found `{word}`"),
        }
    }
    Ok((rows, rounds))
}

fn measure(rows: u64) -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let catalog = folder.path().join("catalog.csv");
    bookshelf::sample::write_catalog(rows, std::fs::File::create(&catalog)?)?;
    let bare = bare_inserts(&catalog, &folder.path().join("bare.db"))?;
    let (imported, memory_bytes) = import(folder.path(), rows)?;
    #[allow(
        clippy::cast_precision_loss,
        reason = "a catalog has far less than 2^52 rows"
    )]
    let rate = |took: Duration| rows as f64 / took.as_secs_f64();
    Ok(Round {
        bare: rate(bare),
        imported: rate(imported),
        memory_bytes,
    })
}

/// The rows of the file in one table, with the settings that the product uses.
fn bare_inserts(catalog: &Path, database: &Path) -> Result<Duration> {
    let started = Instant::now();
    let connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE book (id TEXT PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL,
            isbn TEXT, price NUMERIC NOT NULL, description TEXT, version INTEGER NOT NULL)",
    )?;
    let mut reader = csv::Reader::from_path(catalog)?;
    let mut records = reader.records();
    loop {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert =
            connection.prepare_cached("INSERT INTO book VALUES (?1, ?2, ?3, ?4, ?5, NULL, 0)")?;
        let mut written = 0;
        for record in records.by_ref().take(BATCH_ROWS) {
            let record = record?;
            let id = bookshelf::book::BookId::new().to_string();
            insert.execute(params![id, &record[0], &record[1], &record[2], &record[3]])?;
            written += 1;
        }
        connection.execute_batch("COMMIT")?;
        if written == 0 {
            return Ok(started.elapsed());
        }
    }
}

/// Server and importer, from the importer's start until the last book is in the catalog; and the
/// most memory that the server had in use.
fn import(home: &Path, rows: u64) -> Result<(Duration, u64)> {
    let mut server = Server::start(home)?;
    let started = Instant::now();
    let output = Command::new(program("import_vintage_press")?)
        .args(["catalog.csv", "--json"])
        .current_dir(home)
        .output()?;
    ensure!(output.status.success(), "the importer failed: {output:?}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let took = runtime.block_on(async {
        let app = bookshelf::open(home).await?;
        while Status::of(&app).await?.lag() > 0 {
            ensure!(
                started.elapsed() < PATIENCE,
                "the import is not done in {PATIENCE:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = started.elapsed();
        let entries = app
            .view::<bookshelf::catalog::BookCatalog>()
            .select()
            .limit(1)
            .page()
            .await?;
        ensure!(
            entries.total == rows,
            "expected {rows} entries, found {}",
            entries.total
        );
        Ok(took)
    })?;
    Ok((took, server.peak_memory_bytes()?))
}

/// A program beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(name);
    ensure!(
        path.is_file(),
        "expected {}; `cargo xtask bench` builds it",
        path.display()
    );
    Ok(path)
}

struct Server {
    child: Child,
}

impl Server {
    fn start(home: &Path) -> Result<Self> {
        let mut child = Command::new(program("bookshelf")?)
            .arg("server")
            .current_dir(home)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("no output to read")?;
        let server = Self { child };
        for line in BufReader::new(output).lines() {
            if line?.starts_with("Engine running") {
                return Ok(server);
            }
        }
        bail!("the server ended before it ran");
    }

    fn peak_memory_bytes(&mut self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = line
            .context("no VmHWM")?
            .trim()
            .trim_end_matches(" kB")
            .parse()?;
        Ok(kib * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
