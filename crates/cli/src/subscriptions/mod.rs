//! `subscriptions`: how much every subscription has before it.

mod status;

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, Subcommand};
use protean_core::App;
use protean_core::domain::Domain;

pub use status::Status;

use crate::output::{self, Format, Report};
use crate::{Common, Error, signals};

/// How often `--watch` looks again.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Empties a terminal: the screen, then the cursor to its first place.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// What can be seen of subscriptions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show lag, pending and dead messages of every subscription, lane by lane
    Status(Arguments),
}

/// How the status is shown.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Show it again every second, until interrupted
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    common: Common,
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        let Self::Status(arguments) = self;
        &arguments.common
    }

    pub(crate) async fn run<D: Domain>(
        &self,
        app: &App<D>,
        format: Format,
    ) -> Result<Report, Error> {
        let Self::Status(arguments) = self;
        if arguments.watch {
            watch(app, format).await?;
        }
        let status = Status::of(app).await?;
        Ok(Report {
            text: status.to_string(),
            data: status.to_json(),
        })
    }
}

/// Shows the status once a second, until interrupted; what is printed after that is the last one.
async fn watch<D: Domain>(app: &App<D>, format: Format) -> Result<(), Error> {
    let mut stop = std::pin::pin!(signals::stop_requested()?);
    let mut ticks = tokio::time::interval(WATCH_INTERVAL);
    let is_terminal = std::io::stdout().is_terminal();
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick() => {}
        }
        let status = Status::of(app).await?;
        let text = match (format, is_terminal) {
            (Format::Json, _) => output::envelope_line(&status.to_json()),
            (Format::Text, true) => format!("{CLEAR}{status}"),
            (Format::Text, false) => format!("{status}\n"),
        };
        output::print(&text)?;
    }
    if format == Format::Text && is_terminal {
        output::print(CLEAR)?;
    }
    Ok(())
}
