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

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bookshelf::demo::tier::{Lanes, Services, Tier};
use clap::ValueEnum as _;
use protean::cli::{Status, grouped};
use protean_benchmarks::program;

use server::Server;

/// The longest time a round may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What one round came to.
struct Round {
    bare: f64,
    imported: f64,
    memory_bytes: u64,
    /// The most memory that Redis had in use, where there is one.
    redis_bytes: u64,
}

/// What is asked for.
struct Arguments {
    tier: Tier,
    rows: u64,
    rounds: u64,
}

fn main() -> Result<()> {
    let Arguments { tier, rows, rounds } = arguments()?;
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
    };
    print("median", &round);
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

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments {
        tier: Tier::Sqlite,
        rows: 50_000,
        rounds: 5,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_default();
        let number = || {
            let number: Option<u64> = value.parse().ok().filter(|value| *value > 0);
            number.with_context(|| format!("expected a number above 0 after `{word}`"))
        };
        match word.as_str() {
            "--tier" => arguments.tier = tier(&value)?,
            "--rows" => arguments.rows = number()?,
            "--rounds" => arguments.rounds = number()?,
            _ => bail!("expected `--tier`, `--rows` or `--rounds`, found `{word}`"),
        }
    }
    Ok(arguments)
}

fn tier(text: &str) -> Result<Tier> {
    let tier = Tier::from_str(text, false).ok();
    tier.with_context(|| {
        format!("expected sqlite, postgres or redis after `--tier`, found `{text}`")
    })
}

fn measure(tier: Tier, rows: u64) -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let catalog = folder.path().join("catalog.csv");
    bookshelf::sample::write_catalog(rows, std::fs::File::create(&catalog)?)?;
    let services = Services::start(tier)?;
    services.configure(folder.path(), Lanes::Two)?;
    let (imported, memory_bytes) = import(folder.path(), rows)?;
    let redis_bytes = services.redis_peak_bytes()?.unwrap_or_default();
    Ok(Round {
        bare: bare::rate(folder.path(), services.database_uri(), rows)?,
        imported: per_second(rows, imported),
        memory_bytes,
        redis_bytes,
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a catalog has far less than 2^52 rows"
)]
fn per_second(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

/// Server and importer, from the importer's start until the last book is in the catalog; and the
/// most memory that the server had in use.
fn import(home: &Path, rows: u64) -> Result<(Duration, u64)> {
    let server = Server::start(home)?;
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
