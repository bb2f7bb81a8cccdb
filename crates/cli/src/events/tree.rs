//! Everything that one request caused, as a tree.

use std::collections::HashMap;
use std::fmt::Write as _;

use protean_core::port::log::Entry;
use serde_json::json;
use uuid::Uuid;

use super::show::{lane, to_json};
use crate::output::Report;

/// The entries, each under the one that caused it, in the order they were written.
pub(super) fn report(entries: &[Entry]) -> Report {
    let messages: Vec<_> = entries.iter().map(to_json).collect();
    Report {
        text: text(entries),
        data: json!({ "messages": messages }),
    }
}

fn text(entries: &[Entry]) -> String {
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
        let _ = writeln!(text, "{}", line(&entries[0], &entries[nth], depth));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};
    use protean_core::message::{Kind, Message};
    use protean_core::port::store::Position;
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

    #[test]
    fn each_message_stands_under_its_cause() {
        let entries = [
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
";
        assert_eq!(text(&entries), expected);
    }
}
