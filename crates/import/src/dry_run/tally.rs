//! Errors, counted by their kind.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

use crate::read::Reject;

/// The errors that a report shows.
const COMMON_MAX: usize = 10;

/// The lines that stand for an error.
const LINES_MAX: usize = 3;

/// The kinds of errors that are told apart, so that a file in which every row is wrong in its own
/// way fills no memory.
const KINDS_MAX: usize = 1_000;

/// Where a message begins to speak of the one row.
const FOUND: &str = ", found ";

/// An error that occurs more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Common {
    /// The column or field it is about; none when it is the whole row.
    pub field: Option<String>,
    /// What was expected, without what was found.
    pub message: String,
    /// How often it occurs.
    pub count: u64,
    /// The first lines where it occurs.
    pub lines: Vec<u64>,
    /// The whole message of the first.
    pub example: String,
}

/// Errors of some rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    kinds: HashMap<(Option<String>, String), Kind>,
    /// Errors of kinds that there was no room for.
    uncounted: u64,
}

#[derive(Debug)]
struct Kind {
    count: u64,
    lines: Vec<u64>,
    example: String,
}

impl Tally {
    pub(super) fn add(&mut self, reject: &Reject) {
        for problem in &reject.problems {
            let message = &problem.message;
            let kind = message
                .split_once(FOUND)
                .map_or(&**message, |(kind, _)| kind);
            self.count(
                (problem.field.clone(), kind.to_owned()),
                || Kind {
                    count: 0,
                    lines: Vec::new(),
                    example: message.clone(),
                },
                1,
                &[reject.line],
            );
        }
    }

    /// Adds the errors of the rows that follow.
    pub(super) fn merge(&mut self, later: Self) {
        self.uncounted += later.uncounted;
        let mut kinds: Vec<_> = later.kinds.into_iter().collect();
        // Which ones there is room for must not depend on chance.
        kinds.sort_by(|(_, one), (_, other)| one.lines.cmp(&other.lines));
        for (key, kind) in kinds {
            let Kind {
                count,
                lines,
                example,
            } = kind;
            let new = || Kind {
                count: 0,
                lines: Vec::new(),
                example,
            };
            self.count(key, new, count, &lines);
        }
    }

    fn count(
        &mut self,
        key: (Option<String>, String),
        new: impl FnOnce() -> Kind,
        count: u64,
        lines: &[u64],
    ) {
        if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&key) {
            self.uncounted += 1;
            return;
        }
        let kind = self.kinds.entry(key).or_insert_with(new);
        kind.count += count;
        let room = LINES_MAX - kind.lines.len();
        kind.lines.extend(lines.iter().take(room));
    }

    /// The commonest errors, and how many kinds there were beside.
    pub(super) fn commonest(self) -> (Vec<Common>, u64) {
        let kinds = self.kinds.into_iter();
        let mut all: Vec<Common> = kinds
            .map(|((field, message), kind)| Common {
                field,
                message,
                count: kind.count,
                lines: kind.lines,
                example: kind.example,
            })
            .collect();
        all.sort_by(|one, other| {
            let key = |common: &Common| (Reverse(common.count), common.lines.first().copied());
            key(one)
                .cmp(&key(other))
                .then_with(|| (&one.field, &one.message).cmp(&(&other.field, &other.message)))
        });
        let others = all.len().saturating_sub(COMMON_MAX) as u64 + self.uncounted;
        all.truncate(COMMON_MAX);
        (all, others)
    }
}
