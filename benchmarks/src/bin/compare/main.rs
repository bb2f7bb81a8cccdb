//! `cargo xtask bench compare [-- --rows N --peers … --repetitions N …]`: the same shop, on what
//! others have made for bulk work.
//!
//! Every peer does the same visible work: a row for each book of a catalog, and one for each order
//! that comes meanwhile. Each has new servers, and is set up as its own documentation says. What
//! `cargo xtask bench` installs beforehand is in the target folder, under `peers`.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

mod json;
mod memory;
mod peer;
mod place;
mod plan;
mod program;
mod readme;
mod report;
mod submit;
mod trial;
mod urgent;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use plan::{Entry, Plan};

/// The same shop, on what others have made for bulk work
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// Where everything measured goes, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Puts the tables into the README of the benchmarks
    #[arg(long)]
    readme: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// Places an order for every line of its input: what the benchmark starts as a process of its own
    #[command(hide = true)]
    Submit,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.part {
        Some(Part::Submit) => submit::run(),
        None => run(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the benchmark failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let plan = arguments.plan.clone();
    let entries = interruptible(move || plan.carry_out())?;
    let report = report::Report {
        plan: &arguments.plan,
        entries: &entries,
    };
    println!("\n{report}");
    if let Some(file) = arguments.json {
        let text = serde_json::to_string_pretty(&json::of(&arguments.plan, &entries))?;
        std::fs::write(&file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.readme {
        readme::put(&report.to_string())?;
    }
    let failed = entries
        .iter()
        .filter(|entry| entry.outcome.is_err())
        .count();
    if failed > 0 {
        bail!("{failed} measurements could not be made");
    }
    Ok(())
}

/// Does the work on a thread of its own, until somebody wants the benchmark to end: then the
/// programs that it started end first.
fn interruptible(work: impl FnOnce() -> Result<Vec<Entry>> + Send + 'static) -> Result<Vec<Entry>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let interrupted = protean::cli::stop_requested()?;
        tokio::select! {
            done = tokio::task::spawn_blocking(work) => done?,
            () = interrupted => {
                program::end_all();
                bail!("it was interrupted")
            }
        }
    });
    runtime.shutdown_background();
    done
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
