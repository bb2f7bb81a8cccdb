//! The framework's command line, for an application's own program.
//!
//! A program that has nothing else to offer is one call:
//!
//! ```no_run
//! # use protean::prelude::*;
//! # pub struct NoteHandler;
//! # #[derive(Debug, Clone, Aggregate)]
//! # #[aggregate(events(Noted))]
//! # pub struct Note { #[id] pub id: NoteId }
//! # #[derive(Debug, Clone, Event)]
//! # pub struct Noted { pub note_id: NoteId }
//! # #[derive(Debug, Command)]
//! # #[command(of = Note)]
//! # pub struct TakeNote { pub note_id: NoteId }
//! # id! { pub struct NoteId; }
//! # #[command_handler]
//! # impl NoteHandler {
//! #     #[handle]
//! #     async fn take(&self, command: TakeNote, unit: &mut Unit<'_>) -> Result<(), Failure> {
//! #         unit.add(Root::new(Note { id: command.note_id })?).map(drop)
//! #     }
//! # }
//! #[derive(Domain)]
//! #[domain(name = "notes")]
//! pub struct Notes {
//!     pub notes: NoteHandler,
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     protean::cli::run(|_config| Notes { notes: NoteHandler })
//! }
//! ```
//!
//! One that has commands of its own puts [`Command`] beside them with `#[command(flatten)]`, and
//! hands it to [`execute`].

use std::process::ExitCode;

use clap::Parser;
use protean_cli::{Host, host::Cause};
use protean_core::config::Config;
use protean_core::domain::Domain;
use protean_core::{App, BoxFuture};

use crate::{config_file, connect};

pub use protean_cli::subscriptions::Status;
pub use protean_cli::{Command, Error, grouped, span, stop_requested};

#[derive(Parser)]
#[command(version, about = "A Protean application")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Reads the arguments of the process and does what they ask, on the domain that `build` makes.
#[must_use]
pub fn run<D: Domain>(build: impl FnOnce(&Config) -> D) -> ExitCode {
    execute(&Arguments::parse().command, build)
}

/// Does one command, on the domain that `build` makes. Blocks until it is done.
#[must_use]
pub fn execute<D: Domain>(command: &Command, build: impl FnOnce(&Config) -> D) -> ExitCode {
    protean_cli::execute(command, Program { build })
}

/// An application's own program.
struct Program<F> {
    build: F,
}

impl<D: Domain, F: FnOnce(&Config) -> D> Host for Program<F> {
    type Domain = D;

    fn config(&self) -> Result<Config, Cause> {
        let folder = std::env::current_dir()?;
        config_file::load(D::NAME, &folder).map_err(Into::into)
    }

    fn connect(self, config: Config) -> BoxFuture<'static, Result<App<D>, Cause>> {
        let domain = (self.build)(&config);
        Box::pin(async move { connect(domain, config).map_err(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
