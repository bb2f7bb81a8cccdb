//! The project's own tasks, run as `cargo xtask TASK`.
//!
//! They live in a crate, so that a machine with nothing but the Rust toolchain can run them, and
//! depend on next to nothing, so that they start quickly.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to the person who started it"
)]

mod bench;
mod fuzz;
mod lint;
mod packages;
mod peers;
mod process;
mod python;
mod simulate;
mod step;
mod task;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use task::Task;

/// What the process answers to arguments that make no sense.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let task = match task::parse(std::env::args().skip(1)) {
        Ok(task) => task,
        Err(reason) => {
            eprintln!("error: {reason}\n\n{}", task::HELP);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match run(&root(), task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, task: Task) -> Result<()> {
    match task {
        Task::Test { filters } => test::run(root, &filters),
        Task::Lint => lint::run(root),
        Task::Tidy => tidy::run(root),
        Task::Bench { name, args } => bench::run(root, name.as_deref(), &args),
        Task::Simulate { args } => simulate::run(root, &args),
        Task::Fuzz { seconds, seed } => fuzz::run(root, seconds, seed),
        Task::Help => {
            println!("{}", task::HELP);
            Ok(())
        }
    }
}

/// The root of the repository: the folder above this crate.
///
/// Cargo names the crate's folder at run time, which stays right when the checkout has moved since
/// the build.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_path_buf)
}
