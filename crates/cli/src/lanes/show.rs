//! What is asked of backfill lanes, as text and as JSON.

use protean_core::throttle::{Rate, Throttle, Throttles};
use serde_json::{Value, json};

use crate::output::Report;
use crate::{grouped, table};

const HEADINGS: [&str; 3] = ["Backfill lane of", "Asked", "Holds"];

/// What stands in a cell that has nothing to say.
const NOTHING: &str = "-";

/// What an operator has asked for.
#[derive(Debug)]
pub(super) struct Change<'c> {
    pub(super) domain: &'c str,
    /// `None` for the whole domain.
    pub(super) subscription: Option<&'c str>,
    pub(super) before: Throttle,
    pub(super) now: Throttle,
    /// All that is asked since.
    pub(super) asked: Throttles,
}

impl Change<'_> {
    pub(super) fn report(&self) -> Report {
        let text = format!("{}{}\n", self.done(), self.but());
        Report {
            text,
            data: json!({
                "domain": self.domain,
                "subscription": self.subscription,
                "before": of(self.before),
                "now": of(self.now),
                "changed": self.before != self.now,
            }),
        }
    }

    fn done(&self) -> String {
        let lane = match self.subscription {
            None => format!("Every backfill lane of {}", self.domain),
            Some(name) => format!("The backfill lane of {name}"),
        };
        match self.now {
            Throttle::Running if self.before == self.now => {
                format!("{lane} was neither paused nor limited; nothing has changed.")
            }
            now if self.before == now => {
                format!("{lane} was {} before; nothing has changed.", phrase(now))
            }
            Throttle::Running => {
                format!("{lane} is resumed; it was {}.", phrase(self.before))
            }
            now => format!("{lane} is {}.", phrase(now)),
        }
    }

    /// What else holds, so that nobody waits for what does not come.
    fn but(&self) -> String {
        if let Some(name) = self.subscription {
            return match self.asked.domain {
                domain if self.asked.of(name) == self.now || domain == Throttle::Running => {
                    String::new()
                }
                domain => format!(" The whole domain is {}.", phrase(domain)),
            };
        }
        let own = self.asked.subscriptions.iter();
        let stricter = own.filter(|(name, _)| self.asked.of(name) != self.now);
        stricter
            .map(|(name, throttle)| format!(" {name} is {}.", phrase(*throttle)))
            .collect()
    }
}

/// What is asked of the domain and of each subscription, and what holds.
pub(super) fn status(domain: &str, names: &[String], asked: &Throttles) -> Report {
    let whole = [domain.to_owned(), own(asked.domain), cell(asked.domain)];
    let rows = names.iter().map(|name| {
        [
            name.clone(),
            own(asked.asked_of(name)),
            cell(asked.of(name)),
        ]
    });
    let subscriptions = names.iter().map(|name| {
        json!({
            "name": name,
            "asked": of(asked.asked_of(name)),
            "holds": of(asked.of(name)),
        })
    });
    Report {
        data: json!({
            "domain": {"name": domain, "asked": of(asked.domain)},
            "subscriptions": subscriptions.collect::<Vec<_>>(),
        }),
        text: table::render(&HEADINGS, [whole].into_iter().chain(rows)),
    }
}

/// A throttle for programs.
fn of(throttle: Throttle) -> Value {
    json!({
        "state": throttle.name(),
        "limit_per_second": throttle.rate().map(Rate::messages_per_second),
    })
}

/// A throttle in a table: `running`, `paused`, `500/s`.
pub(crate) fn cell(throttle: Throttle) -> String {
    throttle
        .rate()
        .map_or_else(|| throttle.name().to_owned(), |rate| per_second(rate, "/s"))
}

fn own(throttle: Throttle) -> String {
    match throttle {
        Throttle::Running => NOTHING.to_owned(),
        other => cell(other),
    }
}

/// A throttle in a sentence.
fn phrase(throttle: Throttle) -> String {
    match throttle {
        Throttle::Running | Throttle::Paused => throttle.name().to_owned(),
        Throttle::Limited(rate) => {
            format!("limited to {}", per_second(rate, " messages per second"))
        }
    }
}

fn per_second(rate: Rate, unit: &str) -> String {
    let number = rate.messages_per_second();
    if number.fract() > 0.0 {
        return format!("{number}{unit}");
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number, from 1 to a billion"
    )]
    let whole = number as u64;
    format!("{}{unit}", grouped(whole))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn limited(rate: f64) -> Throttle {
        Throttle::Limited(Rate::per_second(rate).unwrap())
    }

    fn asked(domain: Throttle) -> Throttles {
        Throttles {
            domain,
            subscriptions: BTreeMap::from([("OrderCommandHandler".to_owned(), limited(0.5))]),
            parts: 0,
        }
    }

    fn said(
        subscription: Option<&str>,
        before: Throttle,
        now: Throttle,
        asked: Throttles,
    ) -> String {
        let change = Change {
            domain: "bookshelf",
            subscription,
            before,
            now,
            asked,
        };
        change.report().text
    }

    #[test]
    fn the_table_tells_what_is_asked_and_what_holds() {
        let names = ["BookCommandHandler", "OrderCommandHandler"].map(str::to_owned);
        let report = status("bookshelf", &names, &asked(limited(1_500.0)));
        let expected = "\
Backfill lane of     Asked    Holds
bookshelf            1,500/s  1,500/s
BookCommandHandler   -        1,500/s
OrderCommandHandler  0.5/s    0.5/s
";
        assert_eq!(report.text, expected);
        assert_eq!(
            report.data,
            json!({
                "domain": {
                    "name": "bookshelf",
                    "asked": {"state": "limited", "limit_per_second": 1_500.0},
                },
                "subscriptions": [
                    {
                        "name": "BookCommandHandler",
                        "asked": {"state": "running", "limit_per_second": null},
                        "holds": {"state": "limited", "limit_per_second": 1_500.0},
                    },
                    {
                        "name": "OrderCommandHandler",
                        "asked": {"state": "limited", "limit_per_second": 0.5},
                        "holds": {"state": "limited", "limit_per_second": 0.5},
                    },
                ],
            })
        );
    }

    #[test]
    fn a_change_says_what_holds_beside_it() {
        use Throttle::{Paused, Running};
        let none = Throttles::default;
        assert_eq!(
            said(None, Running, Paused, asked(Paused)),
            "Every backfill lane of bookshelf is paused.\n"
        );
        assert_eq!(
            said(None, Paused, Running, asked(Running)),
            "Every backfill lane of bookshelf is resumed; it was paused. OrderCommandHandler is \
             limited to 0.5 messages per second.\n"
        );
        assert_eq!(
            said(Some("OrderCommandHandler"), Paused, Paused, none()),
            "The backfill lane of OrderCommandHandler was paused before; nothing has changed.\n"
        );
        assert_eq!(
            said(
                Some("BookCommandHandler"),
                limited(5.0),
                Running,
                asked(Paused)
            ),
            "The backfill lane of BookCommandHandler is resumed; it was limited to 5 messages per \
             second. The whole domain is paused.\n"
        );
        assert_eq!(
            said(Some("BookCommandHandler"), Running, Running, none()),
            "The backfill lane of BookCommandHandler was neither paused nor limited; nothing has \
             changed.\n"
        );
    }
}
