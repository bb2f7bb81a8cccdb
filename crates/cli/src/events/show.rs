//! Messages, as people and programs see them.

use jiff::Timestamp;
use protean_core::Lane;
use protean_core::message::{Message, envelope};
use protean_core::port::log::{Entry, Stat};
use serde_json::{Value, json};

use crate::output::Report;
use crate::{grouped, table};

const HEADINGS: [&str; 6] = ["Position", "Time", "Message", "Lane", "Priority", "Payload"];

const FOUND_HEADINGS: [&str; 7] = [
    "Position",
    "Time",
    "Message",
    "Stream",
    "Lane",
    "Priority",
    "Correlation id",
];

const STAT_HEADINGS: [&str; 5] = ["Stream", "Lane", "Published", "Oldest", "Newest"];

/// How a message that was delivered to nobody is told apart.
const INLINE: &str = "inline";

fn cells(entry: &Entry) -> [String; 6] {
    [
        entry.position.0.to_string(),
        entry.message.time.strftime("%F %T%.3f").to_string(),
        entry.message.type_name.to_string(),
        lane(entry).to_owned(),
        entry.message.priority.to_string(),
        entry.message.data.clone(),
    ]
}

/// A message as a line of its own, whatever stands above it; for programs like a table of one.
pub(super) fn line(stream: &str, entry: &Entry) -> Report {
    let text = table::line(cells(entry));
    Report {
        text,
        ..entries(stream, std::slice::from_ref(entry))
    }
}

/// A table with one line each.
pub(super) fn entries(stream: &str, entries: &[Entry]) -> Report {
    let text = match entries {
        [] => format!("No messages in {stream}.\n"),
        entries => table::render(&HEADINGS, entries.iter().map(cells)),
    };
    let entries: Vec<_> = entries.iter().map(to_json).collect();
    Report {
        text,
        data: json!({ "stream": stream, "messages": entries }),
    }
}

/// A table of messages of any stream, with one line each.
pub(super) fn found(entries: &[Entry]) -> Report {
    let cells = |entry: &Entry| {
        [
            entry.position.0.to_string(),
            entry.message.time.strftime("%F %T%.3f").to_string(),
            entry.message.type_name.to_string(),
            entry.message.entity_stream(),
            lane(entry).to_owned(),
            entry.message.priority.to_string(),
            entry.message.correlation_id.to_string(),
        ]
    };
    let text = match entries {
        [] => "No such messages.\n".to_owned(),
        entries => table::render(&FOUND_HEADINGS, entries.iter().map(cells)),
    };
    let entries: Vec<_> = entries.iter().map(to_json).collect();
    Report {
        text,
        data: json!({ "messages": entries }),
    }
}

/// A table with a line for each lane of each stream.
pub(super) fn stats(stats: &[Stat]) -> Report {
    let time = |time: Option<Timestamp>| {
        time.map_or_else(String::new, |time| time.strftime("%F %T").to_string())
    };
    let cells = |stat: &Stat| {
        [
            stat.stream.clone(),
            stat.lane.map_or(INLINE, Lane::name).to_owned(),
            grouped(stat.published),
            time(stat.oldest),
            time(stat.newest),
        ]
    };
    let text = match stats {
        [] => "No messages.\n".to_owned(),
        stats => table::render(&STAT_HEADINGS, stats.iter().map(cells)),
    };
    let of = |stat: &Stat| {
        json!({
            "stream": stat.stream,
            "lane": stat.lane.map(Lane::name),
            "published": stat.published,
            "oldest": stat.oldest,
            "newest": stat.newest,
        })
    };
    Report {
        text,
        data: json!({ "lanes": stats.iter().map(of).collect::<Vec<_>>() }),
    }
}

pub(super) fn lane(entry: &Entry) -> &'static str {
    entry.lane.map_or(INLINE, Lane::name)
}

pub(super) fn to_json(entry: &Entry) -> Value {
    json!({
        "position": entry.position.0,
        "lane": entry.lane.map(Lane::name),
        "message": message_json(&entry.message),
    })
}

/// The envelope of a message.
pub(crate) fn message_json(message: &Message) -> Value {
    serde_json::from_str(&envelope::encode(message)).unwrap_or_default()
}

/// A payload, one field a line; as it is when it is no JSON.
pub(crate) fn pretty(data: &str) -> String {
    let value: Result<Value, _> = serde_json::from_str(data);
    value
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| data.to_owned())
}
