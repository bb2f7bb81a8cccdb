//! Everything that one request caused, as a tree, with what each subscription made of it.

use std::collections::HashMap;
use std::fmt::Write as _;

use protean_core::port::log::Entry;
use protean_core::port::trace::Fate;
use serde_json::json;
use uuid::Uuid;

use super::show::lane;
use super::story::{Progress, Story, state};
use super::tries::tries;
use crate::output::Report;

/// The most of those that keep a request from being done that are named at the end.
const OPEN_MAX: usize = 10;

/// The entries, each under the one that caused it, in the order they were written.
pub(super) fn report(story: &Story) -> Report {
    let (progress, open) = story.progress();
    let messages: Vec<_> = story
        .entries
        .iter()
        .map(|it| story.entry_json(it))
        .collect();
    let open_json: Vec<_> = open
        .iter()
        .map(|(entry, fate)| {
            json!({
                "position": entry.position.0,
                "subscription": fate.subscription.name,
                "lane": fate.lane.name(),
                "state": state(fate),
            })
        })
        .collect();
    Report {
        text: text(story) + &end(story, progress, &open),
        data: json!({ "state": progress.name(), "open": open_json, "messages": messages }),
    }
}

fn text(story: &Story) -> String {
    let entries = &story.entries;
    let known: HashMap<Uuid, usize> = entries
        .iter()
        .enumerate()
        .map(|(nth, entry)| (entry.message.id, nth))
        .collect();
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (nth, entry) in entries.iter().enumerate() {
        let parent = entry.message.causation_id.and_then(|id| known.get(&id));
        match parent {
            // A message is written after its cause; anything else would be a circle.
            Some(parent) if *parent < nth => children.entry(*parent).or_default().push(nth),
            _ => roots.push(nth),
        }
    }
    let mut text = String::new();
    // Children are pushed in reverse, so that the first comes off the stack first.
    let mut stack: Vec<(usize, usize)> = roots.into_iter().rev().map(|root| (root, 0)).collect();
    while let Some((nth, depth)) = stack.pop() {
        let entry = &entries[nth];
        let _ = writeln!(text, "{}", line(&entries[0], entry, depth));
        for fate in story.fates(entry) {
            handled(&mut text, story, (entry, fate), depth);
        }
        let caused = children.get(&nth).into_iter().flatten().rev();
        stack.extend(caused.map(|child| (*child, depth + 1)));
    }
    text
}

fn line(first: &Entry, entry: &Entry, depth: usize) -> String {
    let message = &entry.message;
    let after = message.time.duration_since(first.message.time).as_millis();
    let branch = match depth {
        0 => String::new(),
        depth => format!("{}└─ ", "   ".repeat(depth - 1)),
    };
    format!(
        "{branch}{} {} ({}, {}) +{after} ms",
        message.type_name,
        message.entity_stream(),
        lane(entry),
        message.priority,
    )
}

/// What a subscription made of a message: where it stands, and the tries that came to something
/// else before.
fn handled(text: &mut String, story: &Story, (entry, fate): (&Entry, &Fate), depth: usize) {
    let indent = "   ".repeat(depth + 1);
    let (name, lane) = (&fate.subscription.name, fate.lane);
    let standing = story.standing(entry, fate);
    let _ = writeln!(text, "{indent}• {name} [{lane}] {standing}");
    let told = usize::from(state(fate) == "done" || state(fate) == "dropped");
    let before = fate.attempts.len().saturating_sub(told);
    for one in tries(entry.message.time, &fate.attempts).take(before) {
        let at = one.attempt.started.strftime("%F %T%.3f");
        let _ = writeln!(text, "{indent}     {at} {}", one.text());
    }
}

/// How far the request has come, and where it is broken or waits.
fn end(story: &Story, progress: Progress, open: &[(&Entry, &Fate)]) -> String {
    let mut text = match progress {
        Progress::Done => return "Done: everything that it caused is handled.\n".to_owned(),
        Progress::Waiting => "Waiting:\n".to_owned(),
        Progress::Broken => "Broken:\n".to_owned(),
    };
    for (entry, fate) in open.iter().take(OPEN_MAX) {
        let (type_name, name, lane) =
            (&entry.message.type_name, &fate.subscription.name, fate.lane);
        let standing = story.standing(entry, fate);
        let _ = writeln!(text, "   {type_name} in {name} [{lane}] {standing}");
    }
    if open.len() > OPEN_MAX {
        let _ = writeln!(text, "   and {} more", open.len() - OPEN_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};
    use protean_core::message::{Kind, Message};
    use protean_core::port::broker::Subscription;
    use protean_core::port::store::Position;
    use protean_core::port::trace::{Attempt, Outcome, State};
    use protean_core::throttle::{Throttle, Throttles};
    use protean_core::{Lane, Priority};

    use super::*;

    fn entry(number: u8, name: &str, cause: Option<u8>) -> Entry {
        let uuid = |number| Uuid::from_bytes([number; 16]);
        let time = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(i64::from(number) * 3);
        let message = Message {
            id: uuid(number),
            kind: Kind::Event,
            type_name: format!("Shop.{name}.v1").into(),
            stream: "shop::book".into(),
            key: Some("7".to_owned()),
            priority: Priority::Bulk,
            time,
            correlation_id: "c".into(),
            causation_id: cause.map(uuid),
            traceparent: None,
            idempotency_key: None,
            sequence_id: None,
            data: "{}".to_owned(),
            rest: None,
        };
        Entry {
            position: Position(number.into()),
            lane: Some(Lane::Backfill),
            message: Arc::new(message),
        }
    }

    fn fate(position: u64, lane: Lane, state: State, attempts: Vec<Attempt>) -> Fate {
        Fate {
            position: Position(position),
            subscription: Subscription::new("Handler", "shop::book"),
            lane,
            state,
            attempts,
        }
    }

    fn attempt(number: u32, at: i64, outcome: Outcome) -> Attempt {
        Attempt {
            number,
            started: Timestamp::from_millisecond(at).unwrap(),
            took: Duration::from_millis(2),
            together: if outcome == Outcome::Done { 40 } else { 1 },
            outcome,
            error: (outcome != Outcome::Done).then(|| "no such warehouse".to_owned()),
        }
    }

    fn story(entries: Vec<Entry>, fates: Vec<Fate>) -> Story {
        let fates = fates.into_iter().map(|one| (one.position, vec![one]));
        Story {
            entries,
            fates: fates.collect(),
            asked: Throttles {
                domain: Throttle::Paused,
                ..Throttles::default()
            },
            now: Timestamp::from_second(134).unwrap(),
        }
    }

    #[test]
    fn each_message_stands_under_its_cause() {
        let entries = vec![
            entry(1, "AddBook", None),
            entry(2, "BookAdded", Some(1)),
            entry(3, "BookPriced", Some(1)),
            entry(4, "TakeNote", Some(2)),
        ];
        let expected = "\
Shop.AddBook.v1 shop::book-7 (backfill, BULK) +0 ms
└─ Shop.BookAdded.v1 shop::book-7 (backfill, BULK) +3 ms
   └─ Shop.TakeNote.v1 shop::book-7 (backfill, BULK) +9 ms
└─ Shop.BookPriced.v1 shop::book-7 (backfill, BULK) +6 ms
Done: everything that it caused is handled.
";
        assert_eq!(report(&story(entries, Vec::new())).text, expected);
    }

    #[test]
    fn a_tree_shows_where_it_is_broken_and_where_it_waits() {
        let entries = vec![
            entry(1, "AddBook", None),
            entry(2, "BookAdded", Some(1)),
            entry(3, "TakeNote", Some(2)),
        ];
        let done = vec![
            attempt(1, 5, Outcome::Retried),
            attempt(2, 107, Outcome::Done),
        ];
        let dead = State::Dead {
            letter: 7,
            error: "no such warehouse".to_owned(),
        };
        let fates = vec![
            fate(1, Lane::Backfill, State::Settled, done),
            fate(2, Lane::Primary, dead, vec![attempt(1, 110, Outcome::Dead)]),
            fate(
                3,
                Lane::Backfill,
                State::Waiting { before: 1_200 },
                Vec::new(),
            ),
        ];
        let report = report(&story(entries, fates));
        let expected = "\
Shop.AddBook.v1 shop::book-7 (backfill, BULK) +0 ms
   • Handler [backfill] done after 100 ms, ran 2.0 ms with 39 others, try 2
        1970-01-01 00:00:00.005 retried after 2.0 ms, ran 2.0 ms, try 1: no such warehouse
└─ Shop.BookAdded.v1 shop::book-7 (backfill, BULK) +3 ms
      • Handler [primary] given up: no such warehouse; see `dlq inspect 7`
           1970-01-01 00:00:00.110 dead after 104 ms, ran 2.0 ms, try 1: no such warehouse
   └─ Shop.TakeNote.v1 shop::book-7 (backfill, BULK) +6 ms
         • Handler [backfill] waits for 2m 13s, 1,200 before it; the lane is paused
Broken:
   Shop.BookAdded.v1 in Handler [primary] given up: no such warehouse; see `dlq inspect 7`
   Shop.TakeNote.v1 in Handler [backfill] waits for 2m 13s, 1,200 before it; the lane is paused
";
        assert_eq!(report.text, expected);
        assert_eq!(report.data["state"], "broken");
        let handled = &report.data["messages"][0]["handled"][0];
        assert_eq!(handled["attempts"][1]["waited_ms"], 100.0);
        assert_eq!(report.data["messages"][2]["handled"][0]["before"], 1_200);
    }
}
