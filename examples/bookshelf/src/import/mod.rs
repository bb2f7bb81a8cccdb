//! Taking in the catalog of a publisher, with `Priority::Bulk`.
//!
//! Every file is an import of its own, which goes on where it was after any interruption. Every row
//! has an idempotency key made of its content, so that what is in stays in, once, also when another
//! file has it again.

mod catalog;
mod progress;
mod row;
mod run;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use catalog::Catalog;
pub use row::{Rejection, Row};
pub use run::{Observer, Tally, import};

use progress::Progress;
use protean::App;
use protean::cli::grouped;
use serde_json::{Value, json};

use crate::Bookshelf;

/// Exit codes: a row was rejected or the import stopped; the file is none that can be imported; the
/// bookstore cannot be opened.
const EXIT_FINDINGS: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_CANNOT_START: u8 = 3;

/// Why a file was not imported, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {file}: {why}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        why: std::io::Error,
    },
    /// There is nothing in it.
    #[error(
        "expected a catalog in {file}, found an empty file; its first line must name the columns title, author, isbn and price"
    )]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A column is missing.
    #[error("expected the column \"{column}\" in the first line of {file}, found {found}")]
    MissingColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: &'static str,
        /// The columns there are.
        found: String,
    },
    /// It did not come to its end.
    #[error("cannot import all of {file}: {why}")]
    Stopped {
        /// The file.
        file: PathBuf,
        /// Why.
        why: protean::app::import::Error,
    },
}

/// What the program is asked.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A CSV file with the columns title, author, isbn and price, in any order
    catalog: PathBuf,
    /// Print nothing but one line of JSON at the end
    #[arg(long)]
    json: bool,
}

/// The whole program: imports a file into the bookstore of the current folder, and tells how it
/// goes: what was done on standard output, what was wrong on standard error.
#[must_use]
pub fn run_program(arguments: &Arguments) -> ExitCode {
    let catalog = match open_standing_back(&arguments.catalog) {
        Ok(catalog) => catalog,
        Err(error) => return fail(EXIT_USAGE, &error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .on_thread_start(protean::stand_back)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(EXIT_CANNOT_START, &error.to_string()),
    };
    runtime.block_on(async {
        let app = match crate::open(Path::new(".")).await {
            Ok(app) => app,
            Err(error) => return fail(EXIT_CANNOT_START, &format!("{error:#}")),
        };
        // Nobody waits for an import. The threads that write, started before, go on as they are:
        // others wait for them.
        protean::stand_back();
        if arguments.json {
            answer(&app, catalog).await
        } else {
            converse(&app, catalog).await
        }
    })
}

/// Opens a file, which reads all of it once, on a thread that stands back. The calling one must not
/// yet: the threads that write are to be its children.
fn open_standing_back(file: &Path) -> Result<Catalog, Error> {
    let opened = std::thread::scope(|scope| {
        let opening = scope.spawn(|| {
            protean::stand_back();
            Catalog::open(file)
        });
        opening.join()
    });
    opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Imports, and tells people how it goes.
async fn converse(app: &App<Bookshelf>, catalog: Catalog) -> ExitCode {
    let rows = grouped(catalog.rows());
    say(&format!("Importing {rows} books with BULK priority..."));
    let mut progress = Progress::new(catalog.rows());
    let result = import(app, catalog, &mut progress).await;
    progress.end();
    let tally = match result {
        Ok(tally) => tally,
        Err(error) => return fail(EXIT_FINDINGS, &error.to_string()),
    };
    if tally.duplicates > 0 {
        let duplicates = grouped(tally.duplicates);
        tell(&format!("{duplicates} rows were imported before."));
    }
    if tally.rejected > 0 {
        tell(&format!("{} rows were rejected.", grouped(tally.rejected)));
    }
    let imported = grouped(tally.imported);
    say(&format!(
        "Import complete: {imported} books imported with BULK priority."
    ));
    exit_code(&tally)
}

/// Imports, and tells a program what it came to.
async fn answer(app: &App<Bookshelf>, catalog: Catalog) -> ExitCode {
    let mut rejections = Vec::new();
    match import(app, catalog, &mut rejections).await {
        Ok(tally) => {
            let status = if tally.rejected == 0 { "pass" } else { "fail" };
            say(&envelope(status, &json!(tally), &rejections));
            exit_code(&tally)
        }
        Err(error) => {
            rejections.push(json!({"severity": "error", "message": error.to_string()}));
            say(&envelope("error", &Value::Null, &rejections));
            ExitCode::from(EXIT_FINDINGS)
        }
    }
}

fn envelope(status: &str, data: &Value, diagnostics: &[Value]) -> String {
    json!({"version": 1, "status": status, "data": data, "diagnostics": diagnostics}).to_string()
}

/// Rejections, kept for the end. The first thousand tell enough.
impl Observer for Vec<Value> {
    fn advanced(&mut self, _rows: u64) {}

    fn rejected(&mut self, rejection: &Rejection) {
        const KEPT_MAX: usize = 1_000;
        if self.len() < KEPT_MAX {
            let Rejection { line, reason } = rejection;
            self.push(json!({"severity": "error", "line": line, "message": reason}));
        }
    }
}

fn exit_code(tally: &Tally) -> ExitCode {
    match tally.rejected {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FINDINGS),
    }
}

/// A line on standard output. Nobody is left to tell when that fails.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on standard error.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn fail(code: u8, message: &str) -> ExitCode {
    tell(&format!("error: {message}"));
    ExitCode::from(code)
}
