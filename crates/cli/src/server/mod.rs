//! `server`: handles messages until it is asked to stop, in this process or in several.
//!
//! A process is a server of its own, or one of the workers of a supervisor, or the supervisor,
//! which handles nothing itself. Workers are processes rather than threads so that one that crashes
//! or leaks takes nothing with it but itself, and is replaced.

mod check;
mod handled;
mod machine;
mod port;
mod supervisor;
mod tether;
mod worker;

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use protean_core::App;
use protean_core::domain::Domain;
use protean_server::{Monitor, Options, Summary};
use tokio::task::JoinSet;

use crate::logging::Logging;
use crate::output::{self, Format, Report};
use crate::{Common, Error, signals};

use handled::Handled;
use port::{Port, Wanted};
use supervisor::Plan;
pub(crate) use tether::Tether;

/// The most workers. Each has threads and connections for a whole machine, so that more of them
/// would only wait for each other, and a slip of the finger should not start thousands.
const WORKERS_MAX: i64 = 64;

/// What a worker needs beside the time to drain: to commit what is done and close its files.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub struct Arguments {
    /// Worker processes; two or more are looked after by this one, which then handles nothing
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=WORKERS_MAX)
    )]
    workers: u32,
    /// The port for metrics and health, before what [server.metrics] says; 0 for any that is free
    ///
    /// Workers have the ports from this one on.
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
    /// See whether a server could run, and what is to be done, without running it
    ///
    /// The configuration, the database, the broker and the tables are looked at, and nothing is
    /// changed, but that a database file which is missing is made. Exits with 0 when a server would run, with 1 when something is to be done first,
    /// and with 3 when the configuration is wrong.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    pub(crate) logging: Logging,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Serves until it is asked to stop, then lets work in progress finish. With a tether, this process
/// is a worker, whatever the arguments say: workers never start workers.
pub(crate) async fn run<D: Domain>(
    arguments: &Arguments,
    app: App<D>,
    tether: Option<&Tether>,
) -> Result<Report, Error> {
    let format = arguments.common.format();
    if arguments.check {
        return check::check(&app).await;
    }
    let handled = match (tether, arguments.workers) {
        (Some(tether), _) => {
            let watched = arguments.watched(&app, tether.number()).await?;
            worker::serve(app, watched, tether).await?
        }
        (None, 1) => {
            let watched = arguments.watched(&app, 1).await?;
            serve(app, watched, format).await?
        }
        (None, workers) => {
            let plan = Plan {
                workers,
                grace: grace(&app),
                banner: banner(&app, format),
            };
            // What the workers open is theirs alone.
            drop(app);
            supervisor::run(plan).await?
        }
    };
    Ok(handled.report())
}

impl Arguments {
    /// Whether the tables are to be there when it runs.
    pub(crate) const fn needs_tables(&self) -> bool {
        !self.check
    }

    /// The monitor of the engine, and the port where it is read, which says where it is.
    async fn watched<D: Domain>(&self, app: &App<D>, worker: u32) -> Result<Watched, Error> {
        let monitor = Monitor::of(app).map_err(Error::start)?;
        let metrics = &app.config().server.metrics;
        let mut port = JoinSet::new();
        if let Some(wanted) = Wanted::of(metrics, self.metrics_port, worker) {
            let open = Port::open(wanted, monitor.clone()).await?;
            open.announce(self.logging.form());
            port.spawn(open.serve());
        }
        let options = Options {
            payloads: self.logging.payloads(),
            worker,
            ..Options::of(&app.config().server)
        };
        Ok(Watched {
            options,
            monitor,
            port,
        })
    }
}

/// An engine that is to run, and to be watched.
struct Watched {
    options: Options,
    monitor: Monitor,
    /// Answers at the port until this is dropped.
    port: JoinSet<()>,
}

/// Runs the engine, watched, until `stop` resolves and its work is done.
async fn engine<D: Domain>(
    app: App<D>,
    watched: Watched,
    stop: impl Future<Output = ()>,
) -> Result<Summary, Error> {
    let Watched {
        options,
        monitor,
        port,
    } = watched;
    let summary = protean_server::run_watched(app, options, monitor, stop).await;
    drop(port);
    summary.map_err(Error::start)
}

/// Serves in this process alone.
async fn serve<D: Domain>(app: App<D>, watched: Watched, format: Format) -> Result<Handled, Error> {
    let stop = signals::stop_requested()?;
    let banner = banner(&app, format);
    let mut announced = Ok(());
    let stop = async {
        // The engine waits for a request to stop as soon as it runs, and no sooner.
        announced = output::print(&banner);
        if announced.is_ok() {
            stop.await;
        }
        tracing::info!("stopping");
    };
    let summary = engine(app, watched, stop).await?;
    announced?;
    Ok(summary.into())
}

/// How long a worker may take to end after it was asked to.
fn grace<D: Domain>(app: &App<D>) -> Duration {
    app.config().server.drain_timeout + DRAIN_MARGIN
}

/// What is printed when the engine runs; nothing for programs.
fn banner<D: Domain>(app: &App<D>, format: Format) -> String {
    let mut text = String::new();
    if format == Format::Json {
        return text;
    }
    for subscription in app.subscriptions() {
        let _ = writeln!(text, "  {} -> {}", subscription.name, subscription.stream);
    }
    text.push_str("Engine running. Press Ctrl+C to stop.\n");
    text
}
