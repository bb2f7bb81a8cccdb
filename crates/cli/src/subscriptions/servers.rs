//! The servers that are alive, and which subscriptions they leave alone.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use protean_core::port::broker::Subscription;
use protean_core::port::servers::{Alive, LeftAlone, Served, Server};
use serde_json::{Value, json};

use crate::{span, table};

const HEADINGS: [&str; 7] = ["Server", "PID", "Worker", "State", "Up", "Seen", "Serves"];

/// What stands in a cell that has nothing to say.
const NOTHING: &str = "-";

/// The servers of a domain, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Crew {
    alive: Vec<Alive>,
    now: Timestamp,
}

impl Crew {
    pub(super) const fn new(alive: Vec<Alive>, now: Timestamp) -> Self {
        Self { alive, now }
    }

    /// How many serve, and go on doing so.
    pub(super) fn serving(&self) -> u64 {
        let serving = self.alive.iter().filter(|one| !one.server.draining);
        serving.count() as u64
    }

    pub(super) fn notes(&self) -> Vec<String> {
        match self.serving() {
            0 => vec![
                "no server is running: what waits is handled as soon as one is started with \
                 `server`"
                    .to_owned(),
            ],
            _ => Vec::new(),
        }
    }

    /// Shows it below a table of these subscriptions: a table of its own, and a line for each
    /// subscription that is left alone.
    pub(super) fn show<'s>(
        &self,
        f: &mut fmt::Formatter<'_>,
        subscriptions: impl Iterator<Item = &'s Subscription> + Clone,
    ) -> fmt::Result {
        if !self.alive.is_empty() {
            let count = subscriptions.clone().count();
            let cells = self.alive.iter().map(|one| self.cells(one, count));
            write!(f, "\n{}", table::render(&HEADINGS, cells))?;
        }
        let mut gap = "\n";
        for subscription in subscriptions {
            let Some((by, since, probe)) = self.longest(subscription) else {
                continue;
            };
            let Subscription { name, stream } = subscription;
            let (since, servers) = (self.ago(since), self.alive.len());
            writeln!(
                f,
                "{gap}{name} on {stream} is left alone by {by} of {servers} servers for {since}, \
                 since its handler fails for everything; {}",
                self.next_try(probe)
            )?;
            gap = "";
        }
        Ok(())
    }

    /// For programs, what is left alone of a subscription; null when nothing is.
    pub(super) fn left_alone(&self, subscription: &Subscription) -> Value {
        self.longest(subscription).map_or(
            Value::Null,
            |(by, since, probe)| json!({"servers": by, "since": since, "next_probe": probe}),
        )
    }

    pub(super) fn to_json(&self) -> Value {
        self.alive.iter().map(json_of).collect()
    }

    /// How many servers leave a subscription alone, since when the first does, and when the next
    /// message is tried.
    fn longest(
        &self,
        subscription: &Subscription,
    ) -> Option<(usize, Timestamp, Option<Timestamp>)> {
        let is_it = |part: &&Served| {
            (&part.name, &part.stream) == (&subscription.name, &subscription.stream)
        };
        let parts = self.alive.iter().flat_map(|one| &one.server.parts);
        let all: Vec<LeftAlone> = parts
            .filter(is_it)
            .filter_map(|part| part.left_alone)
            .collect();
        let since = all.iter().map(|one| one.since).min()?;
        let is_trying = all.iter().any(|one| one.probe.is_none());
        let next = all.iter().filter_map(|one| one.probe).min();
        Some((all.len(), since, next.filter(|_| !is_trying)))
    }

    fn next_try(&self, probe: Option<Timestamp>) -> String {
        match probe {
            None => "one message is tried now".to_owned(),
            Some(probe) => {
                let ahead = probe.duration_since(self.now);
                let ahead = Duration::try_from(ahead).unwrap_or_default();
                format!("one message is tried in {}", span(ahead))
            }
        }
    }

    fn cells(&self, one: &Alive, subscriptions: usize) -> [String; 7] {
        let server = &one.server;
        [
            server.host.clone(),
            server.pid.to_string(),
            server.worker.to_string(),
            state(server).to_owned(),
            self.ago(server.started),
            format!("{:.1}s ago", one.seen.as_secs_f64()),
            serves(server, subscriptions),
        ]
    }

    fn ago(&self, moment: Timestamp) -> String {
        let ago = self.now.duration_since(moment);
        span(Duration::try_from(ago).unwrap_or_default())
    }
}

const fn state(server: &Server) -> &'static str {
    if server.draining {
        "draining"
    } else {
        "running"
    }
}

/// The subscriptions of a server, by their names; all of them are more than anybody reads.
fn serves(server: &Server, subscriptions: usize) -> String {
    match server.parts.len() {
        0 => NOTHING.to_owned(),
        parts if parts == subscriptions => format!("all {parts}"),
        _ => {
            let mut names: Vec<&str> = server.parts.iter().map(|part| &*part.name).collect();
            names.dedup();
            names.join(", ")
        }
    }
}

fn json_of(one: &Alive) -> Value {
    let Server {
        id,
        host,
        pid,
        worker,
        started,
        parts,
        ..
    } = &one.server;
    let part = |part: &Served| json!({"name": part.name, "stream": part.stream});
    json!({
        "id": id,
        "host": host,
        "pid": pid,
        "worker": worker,
        "state": state(&one.server),
        "started": started,
        "seen_seconds_ago": one.seen.as_secs_f64(),
        "subscriptions": parts.iter().map(part).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Display;

    use uuid::Uuid;

    use super::*;

    const NAMES: [&str; 3] = ["BookCommandHandler", "BookCatalogProjector", "OrderSummary"];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn server(pid: u32, parts: &[&str], left_alone: Option<LeftAlone>) -> Alive {
        let part = |name: &&str| Served {
            name: (*name).into(),
            stream: "shop::book".into(),
            left_alone,
        };
        Alive {
            seen: Duration::from_millis(400),
            server: Server {
                id: Uuid::nil(),
                host: "counter".to_owned(),
                pid,
                worker: 1,
                started: at(-134),
                draining: pid == 30,
                parts: parts.iter().map(part).collect(),
            },
        }
    }

    struct Shown(Crew);

    impl Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let all = NAMES.map(|name| Subscription::new(name, "shop::book"));
            self.0.show(f, all.iter())
        }
    }

    fn crew() -> Crew {
        let left_alone = |since, probe: i64| LeftAlone {
            since: at(since),
            probe: Some(at(probe)),
        };
        let alive = vec![
            server(10, &NAMES, None),
            server(20, &NAMES[..1], Some(left_alone(-70, 12))),
            server(30, &NAMES[..2], Some(left_alone(-65, 5))),
            server(40, &[], None),
        ];
        Crew::new(alive, at(0))
    }

    #[test]
    fn servers_are_shown_and_what_they_leave_alone() {
        let expected = "
Server   PID  Worker  State     Up      Seen      Serves
counter  10   1       running   2m 14s  0.4s ago  all 3
counter  20   1       running   2m 14s  0.4s ago  BookCommandHandler
counter  30   1       draining  2m 14s  0.4s ago  BookCommandHandler, BookCatalogProjector
counter  40   1       running   2m 14s  0.4s ago  -

BookCommandHandler on shop::book is left alone by 2 of 4 servers for 1m 10s, \
since its handler fails for everything; one message is tried in 5s
BookCatalogProjector on shop::book is left alone by 1 of 4 servers for 1m 05s, \
since its handler fails for everything; one message is tried in 5s
";
        assert_eq!(Shown(crew()).to_string(), expected);
        assert_eq!(crew().serving(), 3);
        assert_eq!(crew().notes(), [""; 0]);
    }

    #[test]
    fn without_a_server_there_is_a_note_and_no_table() {
        let crew = Crew::new(Vec::new(), at(0));
        assert_eq!(Shown(crew.clone()).to_string(), "");
        assert!(crew.notes()[0].starts_with("no server is running: "));
    }

    #[test]
    fn programs_are_told_the_same() {
        let crew = crew();
        let of = |name: &str| crew.left_alone(&Subscription::new(name, "shop::book"));
        let told = of(NAMES[0]);
        assert_eq!(
            (&told["servers"], &told["next_probe"]),
            (&json!(2), &json!(at(5)))
        );
        assert_eq!(told["since"], json!(at(-70)));
        assert_eq!(of(NAMES[2]), Value::Null);
        let servers = crew.to_json();
        assert_eq!(servers[1]["subscriptions"][0]["name"], NAMES[0]);
        assert_eq!(servers[2]["state"], "draining");
        assert_eq!(servers[0]["seen_seconds_ago"], 0.4);
    }
}
