//! The command line that every application has.
//!
//! An application hands over a [`Host`], which opens its domain, and gets `server`, `import`,
//! `imports`, `subscriptions`, `lanes`, `outbox`, `dlq`, `events` and `db`. What a command found
//! goes to standard output, as text or as JSON; what it has to say about itself goes to standard
//! error.

pub mod host;
pub mod subscriptions;

mod clean;
mod confirm;
mod db;
mod dlq;
mod error;
mod events;
mod import;
mod imports;
mod lane_name;
mod lanes;
mod logging;
mod moment;
mod number;
mod outbox;
mod output;
mod server;
mod signals;
mod table;

use std::process::ExitCode;

use clap::Subcommand;
use protean_core::App;
use protean_core::domain::Domain;

pub use error::Error;
pub use host::Host;
pub use number::{grouped, span};
pub use output::Report;
pub use signals::stop_requested;

use output::Format;
use server::Tether;

/// The commands of the framework; an application may add its own beside them with
/// `#[command(flatten)]`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Handle the messages of every subscription, until asked to stop
    Server(server::Arguments),
    /// See how much every subscription has before it
    #[command(subcommand)]
    Subscriptions(subscriptions::Command),
    /// Pause, resume or limit bulk work
    #[command(subcommand)]
    Lanes(lanes::Command),
    /// Import a file as bulk commands; the same line again goes on where it was
    ///
    /// The exit code is 0 when all rows are in, 1 when some were rejected or it stopped, 2 when the
    /// file or the arguments make no sense, and 3 when it could not start.
    Import(Box<import::Arguments>),
    /// See, pause, resume or cancel bulk imports
    #[command(subcommand)]
    Imports(imports::Command),
    /// See what is committed and has not reached the broker yet
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// See, replay or forget the messages that subscriptions gave up
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// Read the messages of a stream, or all that one request caused
    #[command(subcommand)]
    Events(events::Command),
    /// Make, drop or empty the tables
    #[command(subcommand)]
    Db(db::Command),
}

/// Options that every command has.
#[derive(Clone, Debug, clap::Args)]
struct Common {
    /// The domain's name; a program that is the domain needs no telling
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Print JSON: {"version", "status", "data", "diagnostics"}
    #[arg(long)]
    json: bool,
}

impl Common {
    const fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else {
            Format::Text
        }
    }
}

/// Runs one command to its end.
///
/// The exit code is 0 when all is well, 1 when something was not found or went wrong, and 3 when
/// the domain could not be opened; 2, for arguments that make no sense, is the parser's, and 130
/// that of a server that was told twice to stop.
///
/// A server with several workers starts this program again for each of them, with the arguments of
/// the process.
#[must_use]
pub fn execute<H: Host>(command: &Command, host: H) -> ExitCode {
    if let Command::Import(arguments) = command {
        return import::execute(arguments, host);
    }
    let common = command.common();
    let format = common.format();
    let tether = command.tether();
    let outcome = run(command, tether.as_ref(), host);
    match (tether, outcome) {
        (Some(tether), outcome) => tether.end(&outcome),
        (None, Ok(report)) => output::report(format, &report),
        (None, Err(error)) => output::error(format, &error),
    }
}

fn run<H: Host>(command: &Command, tether: Option<&Tether>, host: H) -> Result<Report, Error> {
    host::check_name::<H>(command.common().domain.as_deref())?;
    let config = host.config().map_err(Error::start)?;
    if let Command::Server(arguments) = command {
        logging::start(&arguments.logging);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(Error::start)?;
    runtime.block_on(async {
        let app = host.connect(config).await.map_err(Error::start)?;
        // The supervisor of a worker has made the tables.
        if tether.is_none() && command.needs_tables() {
            let tables = app.registry().tables();
            app.tier()
                .tables
                .setup(tables)
                .await
                .map_err(Error::start)?;
        }
        command.run(app, tether).await
    })
}

/// Opens the domain, with all its tables.
async fn connect<H: Host>(
    host: H,
    config: protean_core::config::Config,
) -> Result<App<H::Domain>, Error> {
    let app = host.connect(config).await.map_err(Error::start)?;
    let tables = app.registry().tables();
    let set_up = app.tier().tables.setup(tables).await;
    set_up.map_err(Error::start)?;
    Ok(app)
}

impl Command {
    const fn common(&self) -> &Common {
        match self {
            Self::Server(arguments) => &arguments.common,
            Self::Subscriptions(command) => command.common(),
            Self::Lanes(command) => command.common(),
            Self::Import(arguments) => arguments.common(),
            Self::Imports(command) => command.common(),
            Self::Outbox(command) => command.common(),
            Self::Dlq(command) => command.common(),
            Self::Events(command) => command.common(),
            Self::Db(command) => command.common(),
        }
    }

    /// Whether the tables are to be there when it runs.
    const fn needs_tables(&self) -> bool {
        match self {
            Self::Server(arguments) => arguments.needs_tables(),
            Self::Db(_) => false,
            _ => true,
        }
    }

    /// What ties this process to a supervisor, if it is a worker.
    fn tether(&self) -> Option<Tether> {
        match self {
            Self::Server(_) => Tether::inherited(),
            _ => None,
        }
    }

    async fn run<D: Domain>(&self, app: App<D>, tether: Option<&Tether>) -> Result<Report, Error> {
        match self {
            Self::Server(arguments) => server::run(arguments, app, tether).await,
            Self::Subscriptions(command) => command.run(&app, self.common().format()).await,
            Self::Lanes(command) => command.run(&app).await,
            // It has an exit code of its own.
            Self::Import(_) => Ok(Report::default()),
            Self::Imports(command) => command.run(&app).await,
            Self::Outbox(command) => command.run(&app).await,
            Self::Dlq(command) => command.run(&app).await,
            Self::Events(command) => command.run(&app).await,
            Self::Db(command) => command.run(&app).await,
        }
    }
}
