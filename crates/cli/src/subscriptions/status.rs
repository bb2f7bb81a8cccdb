//! The status table.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port;
use protean_core::port::broker::{Backlog, Subscription};
use protean_core::port::servers::Alive;
use protean_core::throttle::{Rate, Throttle, Throttles};
use serde_json::{Value, json};

use super::alarm::{Alarms, Condition};
use super::servers::Crew;
use crate::{grouped, lanes, span, table};

const HEADINGS: [&str; 10] = [
    "Subscription",
    "Stream",
    "Lag (primary)",
    "Lag (backfill)",
    "Pending",
    "DLQ",
    "Oldest (backfill)",
    "Rate/s",
    "ETA",
    "Backfill",
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
    rows: Vec<Row>,
    crew: Crew,
}

/// One subscription.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    subscription: Subscription,
    lanes: [Backlog; 2],
    /// What holds for its backfill lane.
    throttle: Throttle,
}

impl Status {
    /// The status of a domain now. Its cost does not depend on how much there is to do.
    ///
    /// # Errors
    /// When the store or the broker cannot answer.
    pub async fn of<D: Domain>(app: &App<D>) -> Result<Self, port::Error> {
        let subscriptions = app.subscriptions();
        let tier = app.tier();
        let (backlogs, asked, alive) = tokio::try_join!(
            tier.broker.backlogs(&subscriptions),
            tier.controls.throttles(),
            tier.servers.alive()
        )?;
        let rows = subscriptions.into_iter().zip(backlogs);
        Ok(Self::new(rows, &asked, alive))
    }

    /// The status with these rows: each subscription with its primary and its backfill lane, of
    /// which this is asked; and with the servers that are alive.
    #[must_use]
    pub fn new(
        rows: impl IntoIterator<Item = (Subscription, [Backlog; 2])>,
        asked: &Throttles,
        alive: Vec<Alive>,
    ) -> Self {
        let row = |(subscription, lanes): (Subscription, [Backlog; 2])| Row {
            throttle: asked.of(&subscription.name),
            subscription,
            lanes,
        };
        Self {
            rows: rows.into_iter().map(row).collect(),
            crew: Crew::new(alive, Timestamp::now()),
        }
    }

    /// What somebody should know who looks at it, beside what it shows: a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        self.crew.notes()
    }

    /// Messages not handled yet, in both lanes of all subscriptions.
    #[must_use]
    pub fn lag(&self) -> u64 {
        let lanes = self.rows.iter().flat_map(|row| &row.lanes);
        lanes.map(|lane| lane.lag).sum()
    }

    /// Where conditions hold, a line each.
    pub(super) fn findings(&self, alarms: &Alarms) -> Vec<String> {
        let rows = self.rows.iter();
        let holding = rows.flat_map(|row| alarms.of(&row.lanes).map(move |found| (row, found)));
        let line = |(row, (condition, found)): (&Row, (&Condition, String))| {
            let Subscription { name, stream } = &row.subscription;
            format!("[PE0958] {condition} holds for {name} on {stream}: {found}")
        };
        let servers = alarms.of_servers(self.crew.serving());
        let servers = servers.map(|(condition, found)| {
            format!("[PE0880] {condition} holds: {found} servers are alive")
        });
        holding.map(line).chain(servers).collect()
    }

    /// The same for programs: `{"subscriptions": […], "servers": […]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let mut json = row.to_json();
            json["left_alone"] = self.crew.left_alone(&row.subscription);
            json
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({"subscriptions": rows, "servers": self.crew.to_json()})
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table::render(&HEADINGS, self.rows.iter().map(Row::cells)))?;
        self.crew
            .show(f, self.rows.iter().map(|row| &row.subscription))
    }
}

impl Row {
    fn cells(&self) -> [String; 10] {
        let [primary, backfill] = &self.lanes;
        [
            self.subscription.name.to_string(),
            self.subscription.stream.to_string(),
            grouped(primary.lag),
            grouped(backfill.lag),
            grouped(primary.pending + backfill.pending),
            grouped(primary.dead + backfill.dead),
            backfill.oldest.map_or_else(|| NOTHING.to_owned(), span),
            grouped(whole(rate(&self.lanes))),
            self.eta().map_or_else(|| NOTHING.to_owned(), span),
            lanes::cell(self.throttle),
        ]
    }

    fn to_json(&self) -> Value {
        let [primary, mut backfill] = [0, 1].map(|nth| lane(&self.lanes[nth]));
        backfill["state"] = json!(self.throttle.name());
        backfill["limit_per_second"] = json!(self.throttle.rate().map(Rate::messages_per_second));
        json!({
            "name": self.subscription.name,
            "stream": self.subscription.stream,
            "lanes": {"primary": primary, "backfill": backfill},
            "rate_per_second": rate(&self.lanes),
            "status": if lag(&self.lanes) == 0 { "ok" } else { "lagging" },
        })
    }

    /// How long the rest takes at the rate of now; unknown when nothing moves, or not all of it
    /// will.
    fn eta(&self) -> Option<Duration> {
        let backfill = self.lanes[1].lag;
        let throttled = match self.throttle {
            Throttle::Running => 0.0,
            // The limit may be lower than the rate of the last seconds.
            Throttle::Limited(rate) => seconds(backfill, rate.messages_per_second()),
            Throttle::Paused if backfill > 0 => return None,
            Throttle::Paused => 0.0,
        };
        let seconds = seconds(lag(&self.lanes), rate(&self.lanes)).max(throttled);
        // Rounded up, so that the last moment reads as a second and not as nothing.
        Duration::try_from_secs_f64(seconds.ceil())
            .ok()
            .filter(|eta| !eta.is_zero())
    }
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

/// How many seconds messages take at a rate.
fn seconds(messages: u64, per_second: f64) -> f64 {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a span of seconds needs no exact count"
    )]
    let messages = messages as f64;
    messages / per_second
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

    fn status(asked: &Throttles) -> Status {
        let backfill = |lag, pending, oldest, rate_per_second| Backlog {
            lag,
            pending,
            oldest: Some(Duration::from_secs(oldest)),
            rate_per_second,
            ..Backlog::default()
        };
        let rows = [
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
        ];
        Status::new(rows, asked, Vec::new())
    }

    fn limited(rate: f64) -> Throttle {
        Throttle::Limited(Rate::per_second(rate).unwrap())
    }

    #[test]
    fn the_table_begins_with_the_columns_of_the_chapter() {
        let expected = "\
Subscription          Stream                    Lag (primary)  Lag (backfill)  Pending  DLQ  Oldest (backfill)  Rate/s  ETA  Backfill
BookCommandHandler    bookshelf::book:command   0              32,451          12       0    2m 14s             9,870   4s   running
BookCatalogProjector  bookshelf::book           0              28,109          30       0    2m 09s             0       -    running
OrderCommandHandler   bookshelf::order:command  0              0               0        0    -                  0       -    running
";
        assert_eq!(status(&Throttles::default()).to_string(), expected);
    }

    #[test]
    fn nothing_is_expected_to_be_done_before_it_can_be() {
        let last_cells = |domain| {
            let asked = Throttles {
                domain,
                ..Throttles::default()
            };
            let cells = |row: &Row| {
                let [.., rate, eta, backfill] = row.cells();
                format!("{rate} {eta} {backfill}")
            };
            let rows = status(&asked).rows;
            [cells(&rows[0]), cells(&rows[2])]
        };
        assert_eq!(
            last_cells(Throttle::Paused),
            ["9,870 - paused", "0 - paused"]
        );
        assert_eq!(
            last_cells(limited(100.0)),
            ["9,870 5m 25s 100/s", "0 - 100/s"]
        );
        assert_eq!(
            last_cells(limited(50_000.5))[0],
            "9,870 4s 50000.5/s",
            "the rate is lower than the limit"
        );
    }

    #[test]
    fn programs_are_told_each_lane() {
        let asked = Throttles {
            subscriptions: [("BookCommandHandler".to_owned(), limited(2.5))].into(),
            ..Throttles::default()
        };
        let json = status(&asked).to_json();
        assert_eq!(
            json["subscriptions"][0],
            json!({
                "name": "BookCommandHandler",
                "stream": "bookshelf::book:command",
                "lanes": {
                    "primary": {"lag": 0, "pending": 0, "dlq": 0, "oldest_seconds": null},
                    "backfill": {
                        "lag": 32_451,
                        "pending": 12,
                        "dlq": 0,
                        "oldest_seconds": 134.0,
                        "state": "limited",
                        "limit_per_second": 2.5,
                    },
                },
                "rate_per_second": 9_870.2,
                "status": "lagging",
                "left_alone": null,
            })
        );
        assert_eq!(json["subscriptions"][2]["status"], "ok");
        let other = &json["subscriptions"][2]["lanes"]["backfill"];
        assert_eq!(other["state"], "running");
        assert_eq!(other["limit_per_second"], Value::Null);
    }
}
