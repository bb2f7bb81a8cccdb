//! `cargo xtask bench restart [-- --tier sqlite|postgres|redis …]`: what customers notice when
//! servers are restarted in turn.
//!
//! Orders come at a fixed rate whatever becomes of those before them, and every time counts from
//! the instant at which the order was due. They are measured with nothing else going on, during an
//! import, and during an import while one server after another is stopped and started again.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

mod measure;
mod shop;

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use bookshelf::demo::tier::Tier;
use clap::Parser;
use protean_benchmarks::schedule::Schedule;

use measure::{Measured, Plan, measure};

/// Rows of the catalog for each second of a measurement: more than any tier takes in.
const ROWS_PER_SECOND: u64 = 60_000;

/// What a measurement takes besides what was asked for, and the import goes on meanwhile.
const MARGIN_SECONDS: u64 = 12;

/// What customers notice when servers are restarted in turn
#[derive(Debug, Parser)]
struct Arguments {
    /// What the shop runs on; servers that it needs are started
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    tier: Tier,
    /// Orders per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    rate: u32,
    /// Servers, which are restarted in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=16))]
    servers: u64,
    /// How long each of the three is measured
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Seconds from the start of one server to the stop of the next
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=600))]
    pause: u64,
    /// How long orders come before that
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,
}

/// What goes on while orders come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Import,
    Restarts,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Idle, Self::Import, Self::Restarts];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "nothing",
            Self::Import => "import",
            Self::Restarts => "import and restarts",
        })
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(errors) => {
            println!("\n{errors} orders failed or were not seen.");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("the benchmark failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures all three; how many orders failed.
fn run(arguments: &Arguments) -> Result<u64> {
    let folder = tempfile::tempdir().context("no folder for the catalog")?;
    let catalog = folder.path().join(protean_benchmarks::catalog::FILE);
    let rows = ROWS_PER_SECOND * (arguments.seconds + arguments.warm_up + MARGIN_SECONDS);
    protean_benchmarks::catalog::write(&catalog, rows)?;
    let Arguments {
        tier,
        rate,
        servers,
        seconds,
        ..
    } = arguments;
    println!("{}.", protean_benchmarks::machine::line());
    println!("{tier:?}, {servers} servers, {rate} orders per second for {seconds} s each; in ms:");
    println!(
        "| Meanwhile | Restarts | Answered p50 | p99 | max | to idle | Visible p50 | p99 | max | to idle |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let schedule = Schedule {
        per_second: *rate,
        warm_up: Duration::from_secs(arguments.warm_up),
        measured: Duration::from_secs(*seconds),
    };
    let (mut idle, mut errors) = (None, 0);
    for phase in Phase::ALL {
        let plan = Plan {
            phase,
            servers: *servers,
            pause: Duration::from_secs(arguments.pause),
        };
        let measured = measure(*tier, plan, schedule, &catalog)?;
        let idle = *idle.get_or_insert((measured.answered.p99, measured.visible.p99));
        println!("{}", line(phase, &measured, idle));
        for told in &measured.told {
            println!("  {told}");
        }
        errors += measured.errors;
    }
    Ok(errors)
}

fn line(phase: Phase, measured: &Measured, idle: (f64, f64)) -> String {
    let Measured {
        answered,
        visible,
        restarts,
        ..
    } = measured;
    let ratios = (
        answered.p99 / idle.0.max(f64::MIN_POSITIVE),
        visible.p99 / idle.1.max(f64::MIN_POSITIVE),
    );
    format!(
        "| {phase:<19} | {restarts} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} | {:.1} | {:.2} |",
        answered.p50,
        answered.p99,
        answered.max,
        ratios.0,
        visible.p50,
        visible.p99,
        visible.max,
        ratios.1
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
