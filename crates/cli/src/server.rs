//! `server`: handles messages until it is asked to stop.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use clap::Args;
use protean_core::App;
use protean_core::domain::Domain;
use protean_server::{Options, Summary};
use serde_json::json;

use crate::logging::Logging;
use crate::output::{self, Format, Report};
use crate::{Common, Error, signals};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Threads for primary handlers; one for each processor unless given
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroU32>,
    #[command(flatten)]
    pub(crate) logging: Logging,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Serves until SIGINT or SIGTERM, then lets work in progress finish.
pub(crate) async fn run<D: Domain>(app: &App<D>, format: Format) -> Result<Report, Error> {
    let stop = signals::stop_requested()?;
    if format == Format::Text {
        output::print(&banner(app))?;
    }
    let options = Options::of(&app.config().server);
    let stop = async {
        stop.await;
        tracing::info!("stopping");
    };
    let summary = protean_server::run(app.clone(), options, stop)
        .await
        .map_err(Error::start)?;
    Ok(report(summary))
}

fn banner<D: Domain>(app: &App<D>) -> String {
    let mut text = String::new();
    for subscription in app.subscriptions() {
        let _ = writeln!(text, "  {} -> {}", subscription.name, subscription.stream);
    }
    text.push_str("Engine running. Press Ctrl+C to stop.\n");
    text
}

fn report(summary: Summary) -> Report {
    let Summary {
        primary,
        backfill,
        interrupted,
    } = summary;
    let tail = if interrupted {
        "; what was not finished in time will be done again"
    } else {
        ""
    };
    Report {
        text: format!(
            "Engine stopped. Handled {} messages on primary, {} on backfill{tail}.\n",
            crate::grouped(primary),
            crate::grouped(backfill)
        ),
        data: json!({"primary": primary, "backfill": backfill, "interrupted": interrupted}),
    }
}
