//! `cargo xtask bench many [-- --tier sqlite|postgres|redis --rows N --wait-ms N --rounds N]`: what
//! it is worth that a handler takes many events at once.
//!
//! The bookstore has one handler more, which tells a service outside of every book that is taken in:
//! in one round by a call for each book, as `#[on]` does, in the next by a call for as many as there
//! are, as `#[on_many]` does. The service is a socket of this process, which takes its time for each
//! call, however much it is told.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

mod many;
mod one;
mod service;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::{Lanes, Services, Tier};
use clap::{Parser, Subcommand, ValueEnum};
use protean::cli::grouped;
use protean_benchmarks::bookstore::until_handled;
use protean_benchmarks::{catalog, figures};

use service::Service;

/// The longest time a round may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many books the handler takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Takes {
    /// One
    One,
    /// As many as there are
    Many,
}

impl Takes {
    const ALL: [Self; 2] = [Self::One, Self::Many];

    const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Many => "many",
        }
    }
}

/// What it is worth that a handler takes many events at once
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    /// What the shop runs on
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    tier: Tier,
    /// How many books are taken in
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    rows: u64,
    /// How long the service takes for a call, in milliseconds
    #[arg(long, default_value_t = 2)]
    wait_ms: u64,
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// The bookstore with one more handler: what the benchmark starts as a process of its own
    #[command(hide = true)]
    Shop {
        #[arg(value_enum)]
        takes: Takes,
        /// Where the service is
        port: u16,
        #[command(subcommand)]
        command: protean::cli::Command,
    },
}

/// What one round came to.
struct Round {
    books_per_second: f64,
    books_per_call: f64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(Part::Shop {
            takes,
            port,
            command,
        }) => match takes {
            Takes::One => protean::cli::execute(command, |_| one::shop(*port)),
            Takes::Many => protean::cli::execute(command, |_| many::shop(*port)),
        },
        None => match run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("the benchmark failed: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    println!(
        "{} books, {} ms for a call",
        grouped(arguments.rows),
        arguments.wait_ms
    );
    println!(
        "{:>6}{:>10}{:>12}{:>16}",
        "round", "takes", "books/s", "books per call"
    );
    let mut rounds: [Vec<Round>; 2] = Default::default();
    for nth in 1..=arguments.rounds {
        for (takes, rounds) in Takes::ALL.into_iter().zip(&mut rounds) {
            let round = measure(arguments, takes)?;
            print(&nth.to_string(), takes, &round);
            rounds.push(round);
        }
    }
    for (takes, rounds) in Takes::ALL.into_iter().zip(&rounds) {
        let median = |part: fn(&Round) -> f64| figures::median(rounds.iter().map(part));
        let round = Round {
            books_per_second: median(|round| round.books_per_second).unwrap_or_default(),
            books_per_call: median(|round| round.books_per_call).unwrap_or_default(),
        };
        print("median", takes, &round);
    }
    Ok(())
}

fn print(label: &str, takes: Takes, round: &Round) {
    println!(
        "{label:>6}{:>10}{:>12.0}{:>16.1}",
        takes.name(),
        round.books_per_second,
        round.books_per_call
    );
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a catalog has far less than 2^52 rows"
)]
fn measure(arguments: &Arguments, takes: Takes) -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let home = folder.path();
    catalog::write(&home.join(catalog::FILE), arguments.rows)?;
    let services = Services::start(arguments.tier)?;
    services.configure(home, Lanes::Two)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let service = Service::start(Duration::from_millis(arguments.wait_ms)).await?;
        let took = import(home, takes, service.port()).await?;
        let told = service.told();
        ensure!(
            told.books >= arguments.rows,
            "the service was told of {} books of {}",
            told.books,
            arguments.rows
        );
        Ok(Round {
            books_per_second: arguments.rows as f64 / took.as_secs_f64(),
            books_per_call: told.books as f64 / told.calls as f64,
        })
    })
}

/// Takes the catalog in; how long it took until every book was handled by everybody.
async fn import(home: &Path, takes: Takes, port: u16) -> Result<Duration> {
    let own = std::env::current_exe()?;
    let at = port.to_string();
    let arguments = ["shop", takes.name(), &at, "server"];
    let server = Process::start(&own, home, &arguments, "Engine running").await?;
    let started = Instant::now();
    let folder = home.to_owned();
    tokio::task::spawn_blocking(move || catalog::take_in(&folder)).await??;
    // Its subscriptions are those of the other one, too.
    let config = protean::config_file::load("bookshelf", home)?;
    let app = protean::open(one::shop(port), config).await?;
    let took = until_handled(&app, started, PATIENCE).await?;
    server.stop().await?;
    Ok(took)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
