//! The status table.

use std::fmt;
use std::time::Duration;

use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port;
use protean_core::port::broker::{Backlog, Subscription};
use serde_json::{Value, json};

use crate::{grouped, span, table};

const HEADINGS: [&str; 9] = [
    "Subscription",
    "Stream",
    "Lag (primary)",
    "Lag (backfill)",
    "Pending",
    "DLQ",
    "Oldest (backfill)",
    "Rate/s",
    "ETA",
];

/// What stands in a cell that has nothing to say.
const NOTHING: &str = "-";

/// How much every subscription of a domain has before it, at one moment. Prints as the table that
/// `subscriptions status` shows.
///
/// ```text
/// Subscription        Stream                   Lag (primary)  Lag (backfill)  Pending  …
/// BookCommandHandler  bookshelf::book:command  0              32,451          12       …
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    rows: Vec<(Subscription, [Backlog; 2])>,
}

impl Status {
    /// The status of a domain now. Its cost does not depend on how much there is to do.
    ///
    /// # Errors
    /// When the broker cannot answer.
    pub async fn of<D: Domain>(app: &App<D>) -> Result<Self, port::Error> {
        let subscriptions = app.subscriptions();
        let backlogs = app.tier().broker.backlogs(&subscriptions).await?;
        Ok(Self::new(subscriptions.into_iter().zip(backlogs)))
    }

    /// The status with these rows: each subscription with its primary and its backfill lane.
    #[must_use]
    pub fn new(rows: impl IntoIterator<Item = (Subscription, [Backlog; 2])>) -> Self {
        Self {
            rows: rows.into_iter().collect(),
        }
    }

    /// Messages not handled yet, in both lanes of all subscriptions.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let lanes = self.rows.iter().flat_map(|(_, lanes)| lanes);
        lanes.map(|lane| lane.lag).sum()
    }

    /// The same for programs: `{"subscriptions": […]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let row = |(subscription, lanes): &(Subscription, [Backlog; 2])| {
            json!({
                "name": subscription.name,
                "stream": subscription.stream,
                "lanes": {"primary": lane(&lanes[0]), "backfill": lane(&lanes[1])},
                "rate_per_second": rate(lanes),
                "status": if lag(lanes) == 0 { "ok" } else { "lagging" },
            })
        };
        json!({"subscriptions": self.rows.iter().map(row).collect::<Vec<_>>()})
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table::render(
            &HEADINGS,
            self.rows.iter().map(|(of, lanes)| cells(of, lanes)),
        ))
    }
}

fn cells(subscription: &Subscription, lanes: &[Backlog; 2]) -> [String; 9] {
    let [primary, backfill] = lanes;
    [
        subscription.name.to_string(),
        subscription.stream.to_string(),
        grouped(primary.lag),
        grouped(backfill.lag),
        grouped(primary.pending + backfill.pending),
        grouped(primary.dead + backfill.dead),
        backfill.oldest.map_or_else(|| NOTHING.to_owned(), span),
        grouped(whole(rate(lanes))),
        eta(lanes).map_or_else(|| NOTHING.to_owned(), span),
    ]
}

fn lane(backlog: &Backlog) -> Value {
    json!({
        "lag": backlog.lag,
        "pending": backlog.pending,
        "dlq": backlog.dead,
        "oldest_seconds": backlog.oldest.map(|age| age.as_secs_f64()),
    })
}

fn lag(lanes: &[Backlog; 2]) -> u64 {
    lanes.iter().map(|lane| lane.lag).sum()
}

fn rate(lanes: &[Backlog; 2]) -> f64 {
    lanes.iter().map(|lane| lane.rate_per_second).sum()
}

/// How long the rest takes at the rate of now; unknown when nothing moves.
fn eta(lanes: &[Backlog; 2]) -> Option<Duration> {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a span of seconds needs no exact count"
    )]
    let seconds = lag(lanes) as f64 / rate(lanes);
    // Rounded up, so that the last moment reads as a second and not as nothing.
    Duration::try_from_secs_f64(seconds.ceil())
        .ok()
        .filter(|eta| !eta.is_zero())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and far below 2^52"
)]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let backfill = |lag, pending, oldest, rate_per_second| Backlog {
            lag,
            pending,
            oldest: Some(Duration::from_secs(oldest)),
            rate_per_second,
            ..Backlog::default()
        };
        Status::new([
            (
                Subscription::new("BookCommandHandler", "bookshelf::book:command"),
                [Backlog::default(), backfill(32_451, 12, 134, 9_870.2)],
            ),
            (
                Subscription::new("BookCatalogProjector", "bookshelf::book"),
                [Backlog::default(), backfill(28_109, 30, 129, 0.0)],
            ),
            (
                Subscription::new("OrderCommandHandler", "bookshelf::order:command"),
                [Backlog::default(), Backlog::default()],
            ),
        ])
    }

    #[test]
    fn the_table_begins_with_the_columns_of_the_chapter() {
        let expected = "\
Subscription          Stream                    Lag (primary)  Lag (backfill)  Pending  DLQ  Oldest (backfill)  Rate/s  ETA
BookCommandHandler    bookshelf::book:command   0              32,451          12       0    2m 14s             9,870   4s
BookCatalogProjector  bookshelf::book           0              28,109          30       0    2m 09s             0       -
OrderCommandHandler   bookshelf::order:command  0              0               0        0    -                  0       -
";
        assert_eq!(status().to_string(), expected);
    }

    #[test]
    fn programs_are_told_each_lane() {
        let json = status().to_json();
        assert_eq!(
            json["subscriptions"][0],
            json!({
                "name": "BookCommandHandler",
                "stream": "bookshelf::book:command",
                "lanes": {
                    "primary": {"lag": 0, "pending": 0, "dlq": 0, "oldest_seconds": null},
                    "backfill": {"lag": 32_451, "pending": 12, "dlq": 0, "oldest_seconds": 134.0},
                },
                "rate_per_second": 9_870.2,
                "status": "lagging",
            })
        );
        assert_eq!(json["subscriptions"][2]["status"], "ok");
    }
}
