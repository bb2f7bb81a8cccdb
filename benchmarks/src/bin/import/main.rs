//! `cargo xtask bench import [-- --tier sqlite|postgres|redis --rows N --rounds N]`: how fast a
//! catalog is taken in, from the file to the catalog that customers browse, by a server and an
//! importer that are processes of their own; and how fast the database takes the very same rows
//! with nothing around them. The database servers are processes of this machine, too.
//!
//! The two are measured in turns, so that a noisy machine is noisy for both.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

mod bare;
mod server;
mod used;

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bookshelf::demo::tier::{Lanes, Services, Tier};
use clap::{Parser, ValueEnum as _};
use protean::cli::grouped;
use protean_benchmarks::bookstore::until_handled;
use protean_benchmarks::{catalog, figures, processes, program};

use server::Server;
use used::{Processors, Used, per_book_micros};

/// The longest time a round may take.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// What one round came to.
struct Round {
    bare: f64,
    imported: f64,
    memory_bytes: u64,
    /// The most memory that Redis had in use, where there is one.
    redis_bytes: u64,
    /// What each process used of the processors for a book, in microseconds; then the same for the
    /// bare rows of one.
    used: Vec<Used>,
}

/// How fast a catalog is taken in, beside its bare rows
#[derive(Parser)]
struct Arguments {
    /// What the shop runs on
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    tier: Tier,
    /// How many books the catalog has
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    rows: u64,
    /// How often both are measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

fn main() -> Result<()> {
    let Arguments { tier, rows, rounds } = Arguments::parse();
    println!("{}: {} rows, {rounds} rounds", name(tier), grouped(rows));
    println!(
        "{:>6}{:>14}{:>14}{:>8}{:>12}{:>12}",
        "round", "bare books/s", "books/s", "ratio", "server MB", "Redis MB"
    );
    let mut all = Vec::new();
    for nth in 1..=rounds {
        let round = measure(tier, rows)?;
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
        memory_bytes: most(&all, |round| round.memory_bytes),
        redis_bytes: most(&all, |round| round.redis_bytes),
        used: Vec::new(),
    };
    print("median", &round);
    print_used(&all);
    Ok(())
}

fn name(tier: Tier) -> String {
    let value = tier.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

fn most(all: &[Round], part: fn(&Round) -> u64) -> u64 {
    all.iter().map(part).max().unwrap_or_default()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rates and sizes are positive and far below 2^52"
)]
fn print(label: &str, round: &Round) {
    println!(
        "{label:>6}{:>14}{:>14}{:>8.3}{:>12}{:>12.1}",
        grouped(round.bare as u64),
        grouped(round.imported as u64),
        round.imported / round.bare,
        round.memory_bytes / 1_000_000,
        round.redis_bytes as f64 / 1e6,
    );
}

fn print_used(all: &[Round]) {
    println!("\nProcessors for a book, in microseconds, the median:");
    let first = all.first().map_or(&[][..], |round| &round.used);
    for (nth, (name, _)) in first.iter().enumerate() {
        let micros = all.iter().map(|round| round.used[nth].1);
        let median = figures::median(micros).unwrap_or_default();
        println!("{name:>24}{median:>8.1}");
    }
}

fn measure(tier: Tier, rows: u64) -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let file = std::fs::File::create(folder.path().join(catalog::FILE))?;
    bookshelf::sample::write_catalog(rows, file)?;
    let services = Services::start(tier)?;
    services.configure(folder.path(), Lanes::Two)?;
    let (imported, memory_bytes, mut used) = import(folder.path(), rows, &services)?;
    let redis_bytes = services.redis_peak_bytes()?.unwrap_or_default();
    let own = vec![("bare rows", std::process::id())];
    let before = Processors::of([own, services.processes()].concat());
    let bare = bare::rate(folder.path(), services.database_uri(), rows)?;
    let of_bare = before
        .per_book(rows)
        .into_iter()
        .filter(|one| one.0 != "Redis");
    used.extend(of_bare.map(|(name, micros)| match &*name {
        "bare rows" => (name, micros),
        _ => (format!("bare rows, {name}"), micros),
    }));
    Ok(Round {
        bare,
        imported: per_second(rows, imported),
        memory_bytes,
        redis_bytes,
        used,
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a catalog has far less than 2^52 rows"
)]
fn per_second(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

/// Server and importer, from the importer's start until the last book is in the catalog; the most
/// memory that the server had in use, and what all processes used of the processors.
fn import(home: &Path, rows: u64, services: &Services) -> Result<(Duration, u64, Vec<Used>)> {
    let server = Server::start(home)?;
    let own = vec![("server", server.id())];
    let before = Processors::of([own, services.processes()].concat());
    let started = Instant::now();
    let importer = run_importer(home)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let took = runtime.block_on(settled(home, rows, started))?;
    let mut used = vec![("importer".to_owned(), per_book_micros(importer, rows))];
    used.extend(before.per_book(rows));
    Ok((took, server.peak_memory_bytes()?, used))
}

/// Runs the importer to its end; what it used of the processors.
fn run_importer(home: &Path) -> Result<Duration> {
    let mut importer = Command::new(program("import_vintage_press")?)
        .args([catalog::FILE, "--json"])
        .current_dir(home)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = String::new();
    let mut stdout = importer.stdout.take().context("no output to read")?;
    stdout.read_to_string(&mut output)?;
    // It has ended, and is known until somebody waits for it.
    let used = processes::used(importer.id());
    let status = importer.wait()?;
    ensure!(status.success(), "the importer failed: {output}");
    Ok(used)
}

/// How long it took from then until every book is in the catalog.
async fn settled(home: &Path, rows: u64, started: Instant) -> Result<Duration> {
    let app = bookshelf::open(home).await?;
    let took = until_handled(&app, started, PATIENCE).await?;
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
}
