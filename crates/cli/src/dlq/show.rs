//! Dead letters, as people and programs see them.

use std::fmt::Write as _;

use protean_core::port::dead_letters::DeadLetter;
use protean_core::port::trace::Attempt;
use serde_json::{Value, json};

use crate::events::show::{message_json, pretty};
use crate::events::tries::{Try, tries};
use crate::output::Report;
use crate::{grouped, table};

const HEADINGS: [&str; 7] = [
    "Id",
    "Subscription",
    "Lane",
    "Message",
    "Attempts",
    "Failed",
    "Error",
];

/// A table with one line each, of `total` that there are.
pub(super) fn list(letters: &[DeadLetter], total: u64) -> Report {
    let cells = |letter: &DeadLetter| {
        [
            letter.id.to_string(),
            letter.subscription.name.to_string(),
            letter.lane.to_string(),
            letter.message.type_name.to_string(),
            letter.attempts.to_string(),
            letter.failed_last.strftime("%F %T").to_string(),
            letter.error.clone(),
        ]
    };
    let mut text = match letters {
        [] => "No dead letters.\n".to_owned(),
        letters => table::render(&HEADINGS, letters.iter().map(cells)),
    };
    let shown = letters.len() as u64;
    if 0 < shown && shown < total {
        let _ = writeln!(text, "These are {} of {}.", grouped(shown), grouped(total));
    }
    let letters: Vec<_> = letters.iter().map(to_json).collect();
    Report {
        text,
        data: json!({ "dead_letters": letters, "total": total }),
    }
}

/// All about one, with the tries that are recorded.
pub(super) fn letter(letter: &DeadLetter, attempts: &[Attempt]) -> Report {
    let message = &letter.message;
    let lines = [
        ("Id", letter.id.to_string()),
        ("Subscription", letter.subscription.name.to_string()),
        ("Stream", letter.subscription.stream.to_string()),
        ("Lane", letter.lane.to_string()),
        ("Message", message.type_name.to_string()),
        ("Message id", message.id.to_string()),
        ("Correlation id", message.correlation_id.to_string()),
        ("Priority", message.priority.to_string()),
        ("Attempts", letter.attempts.to_string()),
        ("First failed", letter.failed_first.to_string()),
        ("Last failed", letter.failed_last.to_string()),
        ("Error", letter.error.clone()),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<15} {value}");
    }
    if !attempts.is_empty() {
        let _ = writeln!(text, "Tries");
    }
    let tries: Vec<_> = tries(message.time, attempts).collect();
    for one in &tries {
        let _ = writeln!(text, "  {} {}", one.attempt.started, one.text());
    }
    let _ = writeln!(text, "Payload\n{}", pretty(&message.data));
    let _ = writeln!(
        text,
        "What it was part of: `events trace {}`. Once it is mended: `dlq replay {}`.",
        message.correlation_id, letter.id
    );
    let mut data = to_json(letter);
    data["tries"] = tries.iter().map(Try::to_json).collect();
    Report { text, data }
}

fn to_json(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id,
        "subscription": letter.subscription.name,
        "stream": letter.subscription.stream,
        "lane": letter.lane.name(),
        "position": letter.position.0,
        "attempts": letter.attempts,
        "failed_first": letter.failed_first,
        "failed_last": letter.failed_last,
        "error": letter.error,
        "message": message_json(&letter.message),
    })
}
