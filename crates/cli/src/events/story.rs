//! What one request caused, and what became of it: gathered for the tree.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use protean_core::domain::{Domain, Subscriber};
use protean_core::port::broker::Subscription;
use protean_core::port::log::Entry;
use protean_core::port::store::Position;
use protean_core::port::trace::{Fate, Outcome, State};
use protean_core::throttle::{Throttle, Throttles};
use protean_core::{App, Lane, port};
use serde_json::{Value, json};

use super::show;
use super::tries::{lasting, millis, tries};
use crate::{grouped, span};

/// The messages of one request, in the order they were written, and what became of each.
pub(super) struct Story {
    pub(super) entries: Vec<Entry>,
    pub(super) fates: HashMap<Position, Vec<Fate>>,
    /// What operators ask of backfill lanes.
    pub(super) asked: Throttles,
    pub(super) now: Timestamp,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Everything that it caused is handled.
    Done,
    /// Something is on its way.
    Waiting,
    /// Something was given up.
    Broken,
}

impl Progress {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Waiting => "waiting",
            Self::Broken => "broken",
        }
    }

    fn of(fate: &Fate) -> Self {
        let last = fate.attempts.last().map(|attempt| attempt.outcome);
        match fate.state {
            State::Settled if last == Some(Outcome::Dropped) => Self::Broken,
            State::Settled => Self::Done,
            State::Waiting { .. } | State::Parked { .. } => Self::Waiting,
            State::Dead { .. } => Self::Broken,
        }
    }
}

impl Story {
    /// Gathers it.
    pub(super) async fn of<D: Domain>(
        app: &App<D>,
        entries: Vec<Entry>,
    ) -> Result<Self, port::Error> {
        let subscriptions = app.subscriptions();
        let positions: Vec<_> = entries.iter().map(|entry| entry.position).collect();
        let log = &app.tier().log;
        let mut fates: HashMap<_, Vec<Fate>> = HashMap::new();
        let found = log.fates(&positions, &subscriptions).await?;
        let types: HashMap<_, _> = entries
            .iter()
            .map(|entry| (entry.position, entry.message.type_name.clone()))
            .collect();
        for fate in found {
            let type_name = types.get(&fate.position).map_or("", |name| name);
            if cares(app, &fate.subscription, type_name) {
                fates.entry(fate.position).or_default().push(fate);
            }
        }
        Ok(Self {
            entries,
            fates,
            asked: app.tier().controls.throttles().await?,
            now: Timestamp::now(),
        })
    }

    /// What became of a message.
    pub(super) fn fates(&self, entry: &Entry) -> &[Fate] {
        self.fates.get(&entry.position).map_or(&[], Vec::as_slice)
    }

    /// How far it has come, and those that keep it from being done.
    pub(super) fn progress(&self) -> (Progress, Vec<(&Entry, &Fate)>) {
        let all = || {
            self.entries
                .iter()
                .flat_map(|one| self.fates(one).iter().map(move |fate| (one, fate)))
        };
        let progress = all().map(|(_, fate)| Progress::of(fate)).max();
        let open = all().filter(|(_, fate)| Progress::of(fate) != Progress::Done);
        (progress.unwrap_or(Progress::Done), open.collect())
    }

    /// Where a message stands in a subscription, in words.
    pub(super) fn standing(&self, entry: &Entry, fate: &Fate) -> String {
        let made = entry.message.time;
        match &fate.state {
            State::Settled => match tries(made, &fate.attempts).last() {
                Some(last) => last.text(),
                None => "done, and not recorded how".to_owned(),
            },
            State::Waiting { before } => {
                let waits = self.waits(entry);
                let before = match before {
                    0 => "the next of its queue".to_owned(),
                    before => format!("{} before it", grouped(*before)),
                };
                let asked = match self.throttle(fate) {
                    Throttle::Running => String::new(),
                    other => format!("; the lane is {}", other.name()),
                };
                format!("waits for {}, {before}{asked}", lasting(waits))
            }
            State::Parked {
                due,
                failures,
                error,
            } => {
                let times = if *failures == 1 { "once" } else { "times" };
                let failed = match failures {
                    0 => "was replayed and is tried again".to_owned(),
                    1 => format!("failed {times} and is tried again"),
                    count => format!("failed {count} {times} and is tried again"),
                };
                let due = due.map(|due| due.duration_since(self.now));
                let due = match due.and_then(|due| Duration::try_from(due).ok()) {
                    Some(due) => format!("in {}", span(due)),
                    None => "as soon as may be".to_owned(),
                };
                format!("{failed} {due}: {error}")
            }
            State::Dead { letter, error } => {
                format!("given up: {error}; see `dlq inspect {letter}`")
            }
        }
    }

    /// How long a message has been there.
    fn waits(&self, entry: &Entry) -> Duration {
        let age = self.now.duration_since(entry.message.time);
        age.try_into().unwrap_or_default()
    }

    /// What is asked of the lane that a message waits in.
    fn throttle(&self, fate: &Fate) -> Throttle {
        match fate.lane {
            Lane::Primary => Throttle::Running,
            Lane::Backfill => self.asked.of(&fate.subscription.name),
        }
    }

    /// A message with what became of it.
    pub(super) fn entry_json(&self, entry: &Entry) -> Value {
        let mut json = show::to_json(entry);
        let fates = self.fates(entry).iter();
        let fates: Vec<_> = fates.map(|fate| self.fate_json(entry, fate)).collect();
        json["handled"] = fates.into();
        json
    }

    fn fate_json(&self, entry: &Entry, fate: &Fate) -> Value {
        let attempts = tries(entry.message.time, &fate.attempts);
        let mut json = json!({
            "subscription": fate.subscription.name,
            "lane": fate.lane.name(),
            "state": state(fate),
            "attempts": attempts.map(|one| one.to_json()).collect::<Vec<_>>(),
        });
        match &fate.state {
            State::Settled => {}
            State::Waiting { before } => {
                json["before"] = (*before).into();
                json["waiting_ms"] = millis(self.waits(entry)).into();
                json["throttle"] = self.throttle(fate).name().into();
            }
            State::Parked { due, error, .. } => {
                json["due"] = json!(due);
                json["error"] = error.clone().into();
            }
            State::Dead { letter, error } => {
                json["letter"] = (*letter).into();
                json["error"] = error.clone().into();
            }
        }
        json
    }
}

/// The word for where a message stands.
pub(super) fn state(fate: &Fate) -> &'static str {
    let last = fate.attempts.last().map(|attempt| attempt.outcome);
    match fate.state {
        State::Settled if last == Some(Outcome::Dropped) => "dropped",
        State::Settled => "done",
        State::Waiting { .. } => "waiting",
        State::Parked { .. } => "retrying",
        State::Dead { .. } => "dead",
    }
}

/// Whether a subscription does something with messages of this type. What a command handler does
/// not take is a mistake that has to be seen.
fn cares<D: Domain>(app: &App<D>, subscription: &Subscription, type_name: &str) -> bool {
    let mut all = app.registry().subscriptions().iter();
    let known =
        all.find(|one| *one.name == *subscription.name && *one.stream == *subscription.stream);
    known.is_some_and(|known| {
        known.subscriber == Subscriber::CommandHandler || known.route(type_name).is_some()
    })
}
