//! Imports, as people and programs see them.

use std::fmt::Write as _;

use protean_core::app::import::{Cancelled, Handled, Record, row_of};
use protean_core::port::dead_letters::DeadLetter;
use protean_core::port::imports::State;
use serde_json::{Value, json};

use super::condition;
use crate::output::Report;
use crate::{grouped, table};

const HEADINGS: [&str; 8] = [
    "Name",
    "State",
    "Rows",
    "Accepted",
    "Duplicate",
    "Rejected",
    "Started",
    "Source",
];

const FAILURE_HEADINGS: [&str; 5] = ["Line", "Letter", "Subscription", "Message", "Error"];

/// A table with one line each.
pub(super) fn list(imports: &[Record]) -> Report {
    let cells = |import: &Record| {
        let progress = &import.progress;
        [
            import.plan.name.clone(),
            condition(import).to_owned(),
            grouped(progress.rows),
            grouped(progress.accepted),
            grouped(progress.duplicates),
            grouped(progress.rejected),
            import.started.strftime("%F %T").to_string(),
            import.plan.source.clone(),
        ]
    };
    let text = match imports {
        [] => "No imports.\n".to_owned(),
        imports => table::render(&HEADINGS, imports.iter().map(cells)),
    };
    let imports: Vec<_> = imports.iter().map(to_json).collect();
    Report {
        text,
        data: json!({ "imports": imports }),
    }
}

/// An import as the JSON of every command has it.
pub(crate) fn to_json(import: &Record) -> Value {
    let (plan, progress) = (&import.plan, &import.progress);
    json!({
        "name": plan.name,
        "state": condition(import),
        "source": plan.source,
        "digest": plan.digest,
        "arguments": plan.arguments,
        "priority": plan.priority.value(),
        "rows": progress.rows,
        "accepted": progress.accepted,
        "duplicates": progress.duplicates,
        "rejected": progress.rejected,
        "withdrawn": import.withdrawn,
        "started": import.started.to_string(),
        "updated": import.updated.to_string(),
    })
}

/// All about one.
pub(super) fn one(import: &Record, handled: Handled) -> Report {
    let (plan, progress) = (&import.plan, &import.progress);
    let mut text = String::new();
    for (what, value) in [
        ("Name", plan.name.clone()),
        ("State", condition(import).to_owned()),
        ("Source", plan.source.clone()),
        ("Digest", plan.digest.clone()),
        ("Arguments", plan.arguments.clone()),
        ("Priority", plan.priority.to_string()),
        ("Started", import.started.strftime("%F %T").to_string()),
        ("Rows", grouped(progress.rows)),
        ("Accepted", grouped(progress.accepted)),
        ("Duplicate", grouped(progress.duplicates)),
        ("Rejected", grouped(progress.rejected)),
        ("Withdrawn", grouped(import.withdrawn)),
        ("Handled", at_least(handled.handled, progress.accepted)),
        ("Projected", at_least(handled.projected, progress.accepted)),
    ] {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{what:<10} {value}");
    }
    let mut data = to_json(import);
    data["handled_min"] = json!(handled.handled);
    data["projected_min"] = json!(handled.projected);
    Report { text, data }
}

/// A number that may lag behind.
fn at_least(count: u64, of: u64) -> String {
    match count == of {
        true => grouped(count),
        false => format!("at least {}", grouped(count)),
    }
}

/// What failed of one, by its lines.
pub(super) fn failures(import: &Record, letters: &[DeadLetter]) -> Report {
    let name = import.plan.name.as_str();
    let line = |letter: &DeadLetter| row_of(&letter.message.correlation_id, name);
    let cells = |letter: &DeadLetter| {
        [
            line(letter).map_or_else(|| "-".to_owned(), |(_, line)| line.to_string()),
            letter.id.to_string(),
            letter.subscription.name.to_string(),
            letter.message.type_name.to_string(),
            letter.error.clone(),
        ]
    };
    let text = match letters {
        [] => format!("Nothing of {name} was given up.\n"),
        letters => table::render(&FAILURE_HEADINGS, letters.iter().map(cells)),
    };
    let failure = |letter: &DeadLetter| {
        let row = line(letter);
        json!({
            "row": row.map(|(row, _)| row),
            "line": row.map(|(_, line)| line),
            "letter": letter.id,
            "subscription": letter.subscription.name,
            "type": letter.message.type_name,
            "attempts": letter.attempts,
            "error": letter.error,
        })
    };
    let failures: Vec<_> = letters.iter().map(failure).collect();
    Report {
        text,
        data: json!({"name": name, "failures": failures}),
    }
}

/// What pausing or resuming came to.
pub(super) fn asked(name: &str, before: State, now: State) -> Report {
    let text = match before {
        State::Cancelled | State::Finished => {
            format!("The import {name} is {before}; nothing has changed.\n")
        }
        before if before == now => format!("The import {name} was {before} already.\n"),
        before => format!("The import {name} is {now}; it was {before}.\n"),
    };
    let now = if before.is_final() { before } else { now };
    let data = json!({
        "name": name,
        "before": before.name(),
        "now": now.name(),
        "changed": before != now,
    });
    Report { text, data }
}

/// What cancelling came to.
pub(super) fn cancelled(cancelled: &Cancelled) -> Report {
    let Cancelled { import, withdrawn } = cancelled;
    let (name, rows) = (&import.plan.name, grouped(import.progress.rows));
    let count = grouped(*withdrawn);
    let commands = if *withdrawn == 1 {
        "command"
    } else {
        "commands"
    };
    let ended = match import.state {
        State::Finished => format!("had finished after {rows} rows"),
        _ => format!("is cancelled after {rows} rows"),
    };
    let text = format!(
        "The import {name} {ended}. {count} {commands} that nobody had handled were withdrawn.\n"
    );
    let mut data = to_json(import);
    data["withdrawn_now"] = json!(withdrawn);
    Report { text, data }
}
