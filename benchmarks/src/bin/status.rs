//! `cargo xtask bench status [-- --tier sqlite|postgres|redis --behind N --runs N]`: how long
//! `subscriptions status` takes with many messages behind, from its start as a process to its end;
//! first while no server runs, and then beside one whose backfill lanes are paused.
//!
//! It fails when one run takes longer than is promised.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::{Lanes, Services, Tier};
use clap::Parser;
use protean::cli::grouped;
use protean_benchmarks::figures::Figures;
use protean_benchmarks::{catalog, program};
use serde_json::Value;

/// The longest that one status may take.
const BOUND: Duration = Duration::from_millis(50);

/// How long a server beside it is left alone, to do what it does at its start.
const SETTLING: Duration = Duration::from_secs(5);

/// How long a status takes with many messages behind
#[derive(Parser)]
struct Arguments {
    /// What the shop runs on
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    tier: Tier,
    /// How many messages are behind
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    behind: u64,
    /// How often it is asked, each time
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let services = Services::start(arguments.tier)?;
    let folder = tempfile::tempdir()?;
    services.configure(folder.path(), Lanes::Two)?;
    fill(folder.path(), arguments.behind)?;
    println!("{} messages behind", grouped(arguments.behind));
    println!("{:<16}{:>10}{:>10}", "ms", "p50", "longest");
    let alone = measure(folder.path(), &arguments)?;
    print("no server", alone);
    let runtime = tokio::runtime::Runtime::new()?;
    let beside = runtime.block_on(async {
        run(folder.path(), &["lanes", "pause"])?;
        let bookshelf = program("bookshelf")?;
        let server =
            Process::start(&bookshelf, folder.path(), &["server"], "Engine running").await?;
        // sleep: the server comes to rest
        tokio::time::sleep(SETTLING).await;
        let beside = measure(folder.path(), &arguments)?;
        server.stop().await?;
        anyhow::Ok(beside)
    })?;
    print("a server paused", beside);
    let longest = alone.max.max(beside.max);
    let bound = BOUND.as_secs_f64() * 1_000.0;
    ensure!(
        longest <= bound,
        "expected each status within {bound} ms, found one of {longest:.1} ms"
    );
    Ok(())
}

fn print(label: &str, figures: Figures) {
    println!("{label:<16}{:>10.1}{:>10.1}", figures.p50, figures.max);
}

/// Submits so many books, which nobody handles.
fn fill(home: &Path, count: u64) -> Result<()> {
    let file = home.join(catalog::FILE);
    catalog::write(&file, count)?;
    let taken_in = catalog::take_in(home);
    std::fs::remove_file(file)?;
    taken_in
}

fn run(home: &Path, arguments: &[&str]) -> Result<Output> {
    let output = Command::new(program("bookshelf")?)
        .args(arguments)
        .current_dir(home)
        .output()?;
    ensure!(output.status.success(), "{arguments:?} failed: {output:?}");
    Ok(output)
}

/// Asks for the status so many times, which has to be right each time.
fn measure(home: &Path, arguments: &Arguments) -> Result<Figures> {
    let mut times = Vec::new();
    for _ in 0..arguments.runs {
        let started = Instant::now();
        let output = run(home, &["subscriptions", "status", "--json"])?;
        times.push(started.elapsed());
        let status: Value = serde_json::from_slice(&output.stdout)?;
        let all = status["data"]["subscriptions"]
            .as_array()
            .context("a status without subscriptions")?;
        let lag = |one: &Value| one["lanes"]["backfill"]["lag"].as_u64().unwrap_or_default();
        let behind: u64 = all.iter().map(lag).sum();
        if behind != arguments.behind {
            bail!("expected {} behind, found {behind}", arguments.behind);
        }
    }
    Ok(Figures::of(&times))
}
