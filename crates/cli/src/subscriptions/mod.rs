//! `subscriptions`: how much every subscription has before it.

mod alarm;
mod screen;
mod servers;
mod status;
mod watch;

use clap::{Args, Subcommand};
use protean_core::App;
use protean_core::domain::Domain;

pub use status::Status;

use crate::output::{self, Format, Report};
use crate::{Common, Error};

use alarm::Alarms;

/// What can be seen of subscriptions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show lag, pending and dead messages of every subscription, lane by lane, and the servers
    /// that are alive
    Status(Arguments),
}

/// How the status is shown.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Show it again every second, until interrupted
    #[arg(long)]
    watch: bool,
    /// Exit with 1 when a condition holds, such as backfill.oldest>10m,primary.lag>100
    ///
    /// A condition is a lane, primary or backfill, one of its numbers, a comparison and a limit;
    /// several are separated by commas. The numbers are lag, pending, dlq, oldest, which needs a
    /// unit (ms, s, m, h, d), and rate; `servers<1` is about the servers that are alive. With `--watch`, that ends when one holds.
    #[arg(long, value_name = "CONDITIONS")]
    fail_on: Option<Alarms>,
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
        let alarms = arguments.fail_on.as_ref();
        if arguments.watch {
            watch::watch(app, format, alarms).await?;
        }
        let status = Status::of(app).await?;
        for note in status.notes() {
            output::note(&note);
        }
        let report = Report {
            text: status.to_string(),
            data: status.to_json(),
        };
        let findings = alarms.map_or_else(Vec::new, |alarms| status.findings(alarms));
        match findings.is_empty() {
            true => Ok(report),
            false => Err(Error::Findings { report, findings }),
        }
    }
}
