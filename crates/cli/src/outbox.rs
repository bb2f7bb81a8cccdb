//! `outbox`: what is committed and has not reached the broker yet.
//!
//! While Redis is away commits go on, and what they publish waits in the database; whoever runs the
//! servers has to see how much that is and since when.

use clap::{Args, Subcommand};
use protean_core::domain::Domain;
use protean_core::port::broker::Outbox;
use protean_core::{App, Lane};
use serde_json::{Value, json};

use crate::output::Report;
use crate::{Common, Error, grouped, span, table};

const HEADINGS: [&str; 3] = ["Lane", "Depth", "Oldest"];

/// What stands in a cell that has nothing to say.
const NOTHING: &str = "-";

/// What is said where a commit is all it takes.
const NO_OUTBOX: &str = "No outbox: on this tier a commit is all it takes to publish a message.\n";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how many messages wait for the broker, lane by lane, and for how long
    Status(Arguments),
}

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        let Self::Status(arguments) = self;
        &arguments.common
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let Self::Status(_) = self;
        let outbox = app.tier().broker.outbox().await?;
        Ok(outbox.as_ref().map_or_else(absent, report))
    }
}

fn absent() -> Report {
    Report {
        text: NO_OUTBOX.to_owned(),
        data: json!({"outbox": false, "lanes": null}),
    }
}

fn report(lanes: &[Outbox; 2]) -> Report {
    let [primary, backfill] = lanes;
    let rows = Lane::ALL.into_iter().zip(lanes);
    Report {
        text: table::render(&HEADINGS, rows.map(|(lane, outbox)| cells(lane, outbox))),
        data: json!({
            "outbox": true,
            "lanes": {"primary": of_lane(primary), "backfill": of_lane(backfill)},
        }),
    }
}

fn cells(lane: Lane, outbox: &Outbox) -> [String; 3] {
    [
        lane.to_string(),
        grouped(outbox.depth),
        outbox.oldest.map_or_else(|| NOTHING.to_owned(), span),
    ]
}

fn of_lane(outbox: &Outbox) -> Value {
    json!({
        "depth": outbox.depth,
        "oldest_seconds": outbox.oldest.map(|age| age.as_secs_f64()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lanes() -> [Outbox; 2] {
        let backfill = Outbox {
            depth: 32_451,
            oldest: Some(Duration::from_millis(134_500)),
        };
        [Outbox::default(), backfill]
    }

    #[test]
    fn the_table_has_a_line_for_each_lane() {
        let expected = "\
Lane      Depth   Oldest
primary   0       -
backfill  32,451  2m 14s
";
        assert_eq!(report(&lanes()).text, expected);
    }

    #[test]
    fn programs_are_told_each_lane() {
        assert_eq!(
            report(&lanes()).data,
            json!({
                "outbox": true,
                "lanes": {
                    "primary": {"depth": 0, "oldest_seconds": null},
                    "backfill": {"depth": 32_451, "oldest_seconds": 134.5},
                },
            })
        );
    }

    #[test]
    fn a_tier_without_an_outbox_says_so() {
        let Report { text, data } = absent();
        assert!(text.contains("a commit is all it takes"), "{text}");
        assert_eq!(data, json!({"outbox": false, "lanes": null}));
    }
}
