//! `bookshelf`: the framework's commands, the shop's HTTP interface, and the demonstration.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bookshelf::{Bookshelf, demo, http, import, sample};
use clap::{Parser, Subcommand};

/// Exit codes of the shop's own commands.
const EXIT_FAILURE: u8 = 1;
const EXIT_CANNOT_START: u8 = 3;

/// How long the end of the HTTP interface waits for spans, if there are any, to reach their collector.
const SPANS_PATIENCE: Duration = Duration::from_secs(3);

/// The bookstore
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Framework(protean::cli::Command),
    /// Answer HTTP requests on 127.0.0.1
    Api {
        /// The port; 0 takes any that is free
        #[arg(long, default_value_t = 8000)]
        port: u16,
    },
    /// Import a catalog while orders are placed, and report what the orders noticed
    Demo(demo::Arguments),
    /// Write a catalog of books that never were to standard output, as CSV
    Catalog {
        /// How many books
        #[arg(long, default_value_t = 50_000)]
        rows: u64,
    },
    /// The same as the program `import_vintage_press`
    #[command(hide = true)]
    ImportVintagePress(import::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Framework(command) => protean::cli::execute(&command, Bookshelf::new),
        Command::Api { port } => run(EXIT_CANNOT_START, api(port)),
        Command::Demo(arguments) => demo::run_program(&arguments),
        Command::Catalog { rows } => catalog(rows),
        Command::ImportVintagePress(arguments) => import::run_program(&arguments),
    }
}

async fn api(port: u16) -> anyhow::Result<()> {
    let stop = protean::cli::stop_requested()?;
    let app = bookshelf::open(Path::new(".")).await?;
    let listener = http::bind(port).await?;
    writeln!(
        std::io::stdout(),
        "Listening on http://{}",
        listener.local_addr()?
    )?;
    http::serve(app.clone(), listener, stop).await?;
    app.flush_spans(SPANS_PATIENCE).await;
    Ok(())
}

fn catalog(rows: u64) -> ExitCode {
    let out = std::io::BufWriter::new(std::io::stdout().lock());
    match sample::write_catalog(rows, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(EXIT_FAILURE, &error.into()),
    }
}

fn run(code: u8, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_CANNOT_START, &error.into()),
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(code, &error),
    }
}

fn fail(code: u8, error: &anyhow::Error) -> ExitCode {
    // Nobody is left to tell when this fails too.
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
