//! `--fail-on`: conditions under which a status is a failure, such as
//! `backfill.oldest>10m,primary.lag>100`.

mod number;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protean_core::Lane;
use protean_core::config::nearest;
use protean_core::port::broker::Backlog;

use number::{count, duration};

/// Conditions of which none should hold for any subscription.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alarms(Vec<Condition>);

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    what: What,
    comparison: Comparison,
    limit: f64,
    /// As it was typed.
    text: String,
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A number of a lane of each subscription.
    Lane(Lane, Metric),
    /// How many servers there are.
    Servers,
}

/// The word for servers.
const SERVERS: &str = "servers";

/// A number that a lane has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Lag,
    Pending,
    Dlq,
    Oldest,
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    AtMost,
    Equal,
    Unequal,
    Above,
    Below,
}

/// Why something is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoCondition {
    /// It has not the form of one.
    #[error(
        "[PE0953] expected a condition such as `backfill.oldest>10m`, `primary.lag>100` or \
         `servers<1`, found {found:?}"
    )]
    Form {
        /// What was found.
        found: String,
    },
    /// It is about no lane.
    #[error("[PE0954] expected a lane, primary or backfill, found {found:?}{advice}")]
    Lane {
        /// What was found.
        found: String,
        /// Which one may be meant.
        advice: String,
    },
    /// It is about no metric.
    #[error("[PE0955] expected lag, pending, dlq, oldest or rate, found {found:?}{advice}")]
    Metric {
        /// What was found.
        found: String,
        /// Which one may be meant.
        advice: String,
    },
    /// The limit is no time.
    #[error("[PE0956] expected a time such as 90s, 10m or 1h30m, found {found:?}")]
    Time {
        /// What was found.
        found: String,
    },
    /// The limit is no number.
    #[error("[PE0957] expected a number such as 100, 2.5 or 10k, found {found:?}")]
    Number {
        /// What was found.
        found: String,
    },
}

const METRICS: [(&str, Metric); 5] = [
    ("lag", Metric::Lag),
    ("pending", Metric::Pending),
    ("dlq", Metric::Dlq),
    ("oldest", Metric::Oldest),
    ("rate", Metric::Rate),
];

/// Those of two characters first, since others begin like them.
const COMPARISONS: [(&str, Comparison); 7] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    (">", Comparison::Above),
    ("<", Comparison::Below),
    ("=", Comparison::Equal),
];

impl Alarms {
    /// Those that hold for these lanes, each with what was found.
    pub(super) fn of<'a>(
        &'a self,
        lanes: &'a [Backlog; 2],
    ) -> impl Iterator<Item = (&'a Condition, String)> {
        self.0.iter().filter_map(|condition| {
            let What::Lane(lane, metric) = condition.what else {
                return None;
            };
            let backlog = &lanes[lane.index()];
            let holds = condition.holds(metric.of(backlog));
            holds.then(|| (condition, metric.show(backlog)))
        })
    }

    /// Those that hold for so many servers, each with what was found.
    pub(super) fn of_servers(&self, servers: u64) -> impl Iterator<Item = (&Condition, String)> {
        let about = self.0.iter().filter(|it| it.what == What::Servers);
        let holding = about.filter(move |it| it.holds(float(servers)));
        holding.map(move |it| (it, crate::grouped(servers)))
    }
}

impl Condition {
    fn holds(&self, found: f64) -> bool {
        let limit = self.limit;
        match self.comparison {
            Comparison::AtLeast => found >= limit,
            Comparison::AtMost => found <= limit,
            Comparison::Equal => found.total_cmp(&limit).is_eq(),
            Comparison::Unequal => found.total_cmp(&limit).is_ne(),
            Comparison::Above => found > limit,
            Comparison::Below => found < limit,
        }
    }
}

impl Metric {
    /// What a lane has of it; nothing waits for no time.
    fn of(self, backlog: &Backlog) -> f64 {
        match self {
            Self::Lag => float(backlog.lag),
            Self::Pending => float(backlog.pending),
            Self::Dlq => float(backlog.dead),
            Self::Oldest => backlog.oldest.unwrap_or_default().as_secs_f64(),
            Self::Rate => backlog.rate_per_second,
        }
    }

    fn show(self, backlog: &Backlog) -> String {
        match self {
            Self::Lag => crate::grouped(backlog.lag),
            Self::Pending => crate::grouped(backlog.pending),
            Self::Dlq => crate::grouped(backlog.dead),
            Self::Oldest => crate::span(backlog.oldest.unwrap_or_default()),
            Self::Rate => format!("{:.1}/s", backlog.rate_per_second),
        }
    }

    fn limit(self, text: &str) -> Result<f64, NoCondition> {
        match self {
            Self::Oldest => duration(text)
                .as_ref()
                .map(Duration::as_secs_f64)
                .ok_or_else(|| NoCondition::Time {
                    found: text.to_owned(),
                }),
            Self::Lag | Self::Pending | Self::Dlq | Self::Rate => number_in(text),
        }
    }
}

fn number_in(text: &str) -> Result<f64, NoCondition> {
    count(text).ok_or_else(|| NoCondition::Number {
        found: text.to_owned(),
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "nobody sets an alarm at 2^53 messages"
)]
const fn float(count: u64) -> f64 {
    count as f64
}

impl FromStr for Alarms {
    type Err = NoCondition;

    fn from_str(text: &str) -> Result<Self, NoCondition> {
        let all = text.split(',').map(str::parse);
        all.collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Condition {
    type Err = NoCondition;

    fn from_str(text: &str) -> Result<Self, NoCondition> {
        let text = text.trim();
        let form = || NoCondition::Form {
            found: text.to_owned(),
        };
        let at = text.find(['<', '>', '=', '!']).ok_or_else(form)?;
        let (place, rest) = text.split_at(at);
        let mut signs = COMPARISONS.into_iter();
        let (comparison, limit) = signs
            .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))
            .ok_or_else(form)?;
        let (what, limit) = match place.trim() {
            SERVERS => (What::Servers, number_in(limit.trim())?),
            place => {
                let (lane, metric) = place.split_once('.').ok_or_else(form)?;
                let lane = lane_named(lane.trim())?;
                let metric = metric_named(metric.trim())?;
                (What::Lane(lane, metric), metric.limit(limit.trim())?)
            }
        };
        Ok(Self {
            what,
            comparison,
            limit,
            text: text.to_owned(),
        })
    }
}

fn lane_named(name: &str) -> Result<Lane, NoCondition> {
    let found = Lane::ALL.into_iter().find(|lane| lane.name() == name);
    found.ok_or_else(|| NoCondition::Lane {
        found: name.to_owned(),
        advice: advice(name, Lane::ALL.map(Lane::name)),
    })
}

fn metric_named(name: &str) -> Result<Metric, NoCondition> {
    let found = METRICS.into_iter().find(|(known, _)| *known == name);
    let found = found.map(|(_, metric)| metric);
    found.ok_or_else(|| NoCondition::Metric {
        found: name.to_owned(),
        advice: advice(name, METRICS.map(|(known, _)| known)),
    })
}

fn advice<const N: usize>(name: &str, known: [&str; N]) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes() -> [Backlog; 2] {
        let backfill = Backlog {
            lag: 12_000,
            dead: 1,
            oldest: Some(Duration::from_secs(601)),
            rate_per_second: 9.5,
            ..Backlog::default()
        };
        [Backlog::default(), backfill]
    }

    fn holding(text: &str) -> Vec<String> {
        let alarms: Alarms = text.parse().unwrap();
        let lanes = lanes();
        let all = alarms.of(&lanes);
        all.map(|(condition, found)| format!("{condition}: {found}"))
            .collect()
    }

    #[test]
    fn conditions_hold_for_what_the_lane_has() {
        assert_eq!(
            holding("backfill.oldest>10m, primary.lag>100,backfill.lag >= 12k"),
            [
                "backfill.oldest>10m: 10m 01s",
                "backfill.lag >= 12k: 12,000"
            ]
        );
        let none = "backfill.oldest>1h,primary.oldest>0s,backfill.rate<9.5,backfill.dlq!=1";
        assert_eq!(holding(none), [""; 0]);
        assert_eq!(
            holding("backfill.dlq=1,backfill.rate<=9.5,primary.pending==0,primary.lag<1"),
            [
                "backfill.dlq=1: 1",
                "backfill.rate<=9.5: 9.5/s",
                "primary.pending==0: 0",
                "primary.lag<1: 0"
            ]
        );
    }

    #[test]
    fn servers_are_counted_and_no_lane_is_asked() {
        let alarms: Alarms = "servers<2, servers >= 9,primary.lag>0".parse().unwrap();
        let holding = |servers| {
            let all = alarms.of_servers(servers);
            all.map(|(condition, found)| format!("{condition}: {found}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(holding(1), ["servers<2: 1"]);
        assert_eq!(holding(2), [""; 0]);
        assert_eq!(holding(9), ["servers >= 9: 9"]);
        assert_eq!(alarms.of(&lanes()).count(), 0);
        assert!("servers<1s".parse::<Alarms>().is_err());
    }

    #[test]
    fn what_is_no_condition_is_told_with_what_may_be_meant() {
        let told = |text: &str| text.parse::<Alarms>().unwrap_err().to_string();
        for (text, expected) in [
            ("", "[PE0953]"),
            ("primary.lag", "[PE0953]"),
            ("lag>1", "[PE0953]"),
            ("primary.lag!1", "[PE0953]"),
            ("primary.lag>1,", "[PE0953]"),
            (
                "backfil.lag>1",
                "found \"backfil\"; did you mean `backfill`?",
            ),
            ("weather.lag>1", "primary or backfill, found \"weather\""),
            ("primary.lga>1", "found \"lga\"; did you mean `lag`?"),
            (
                "primary.oldest>10",
                "expected a time such as 90s, 10m or 1h30m, found \"10\"",
            ),
            ("primary.lag>10m", "[PE0957]"),
            ("primary.lag>-1", "[PE0957]"),
            ("primary.lag>nan", "[PE0957]"),
        ] {
            assert!(told(text).contains(expected), "{text}: {}", told(text));
        }
    }
}
