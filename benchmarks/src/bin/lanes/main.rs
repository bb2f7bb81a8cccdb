//! `cargo xtask bench lanes [-- --tier sqlite|postgres|redis …]`: what an import does to production.
//!
//! Requests come at a fixed rate whatever becomes of those before them, and every time counts from
//! the instant at which the request was due: a shop that stands still for a second is seen by all
//! requests of that second, not by one. Server, API and importer are processes of their own, as are
//! the database servers.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

mod backlog;
mod burden;
mod json;
mod measure;
mod phase;
mod plan;
mod report;
mod shop;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use burden::{BookReviewer, Burden, Burdened};
use plan::Plan;
use protean_benchmarks::machine;

/// What an import does to production
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// Where everything measured goes, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// The bookstore with one more handler: what the benchmark starts as a process of its own
    #[command(hide = true)]
    Burdened {
        #[arg(value_enum)]
        burden: Burden,
        #[command(subcommand)]
        command: protean::cli::Command,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Part::Burdened { burden, command }) = arguments.part {
        return protean::cli::execute(&command, |_| Burdened::with(BookReviewer { burden }));
    }
    match run(&arguments.plan, arguments.json) {
        Ok(code) => code,
        Err(error) => {
            println!("the benchmark failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan, file: Option<PathBuf>) -> Result<ExitCode> {
    let results = plan.carry_out()?;
    println!("\n{}.\n{}", machine::line(), report::Report(&results));
    if let Some(file) = file {
        let text = serde_json::to_string_pretty(&json::of(plan, &results))?;
        std::fs::write(&file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(match results.errors() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
