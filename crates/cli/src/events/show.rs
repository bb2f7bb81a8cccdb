//! Messages, as people and programs see them.

use protean_core::message::{Message, envelope};
use protean_core::port::log::Entry;
use serde_json::{Value, json};

use crate::output::Report;
use crate::table;

const HEADINGS: [&str; 6] = ["Position", "Time", "Message", "Lane", "Priority", "Payload"];

/// How a message that was delivered to nobody is told apart.
const INLINE: &str = "inline";

/// A table with one line each.
pub(super) fn entries(stream: &str, entries: &[Entry]) -> Report {
    let cells = |entry: &Entry| {
        [
            entry.position.0.to_string(),
            entry.message.time.strftime("%F %T%.3f").to_string(),
            entry.message.type_name.to_string(),
            lane(entry).to_owned(),
            entry.message.priority.to_string(),
            entry.message.data.clone(),
        ]
    };
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

pub(super) fn lane(entry: &Entry) -> &'static str {
    entry.lane.map_or(INLINE, protean_core::Lane::name)
}

pub(super) fn to_json(entry: &Entry) -> Value {
    json!({
        "position": entry.position.0,
        "lane": entry.lane.map(protean_core::Lane::name),
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
