//! What was done with messages, as the commits that settle them write it.

use std::sync::LazyLock;

use protean_core::port::trace::{Messages, Records};
use tokio_postgres::types::ToSql;

use crate::lanes;
use crate::message::column;
use crate::value::Micros;

/// Writes what was done. Of a message that was set aside, the log knows the queue.
const TRACE: &str = "INSERT INTO protean_trace
    (subscription, lane, queue, first, last, ranges, attempt, outcome, started, took, error)
    SELECT u.subscription, u.lane, COALESCE(u.queue, m.queue), COALESCE(u.first, m.sequence),
        COALESCE(u.last, m.sequence), u.ranges, u.attempt, u.outcome, u.started, u.took, u.error
    FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::text[], $8::integer[], $9::smallint[], $10::timestamptz[],
        $11::bigint[], $12::text[]) AS u(subscription, lane, position, queue, first, last, ranges,
        attempt, outcome, started, took, error)
    LEFT JOIN protean_message AS m ON m.position = u.position
    WHERE u.queue IS NOT NULL OR m.queue IS NOT NULL";

/// The columns of messages in their queues, with the types of their values.
const COLUMNS: [(&str, &str); 11] = [
    ("subscription", "text"),
    ("lane", "smallint"),
    ("queue", "bigint"),
    ("first", "bigint"),
    ("last", "bigint"),
    ("ranges", "text"),
    ("attempt", "integer"),
    ("outcome", "smallint"),
    ("started", "timestamptz"),
    ("took", "bigint"),
    ("error", "text"),
];

/// The same of messages in their queues alone.
static TRACE_IN_QUEUES: LazyLock<String> = LazyLock::new(|| {
    let arrays = parameters(0, "[]");
    insert(&format!("SELECT * FROM unnest({arrays})"))
});

/// The same of so many messages in their queues as a run that goes along with another has: one value
/// for each column.
static TRACE_OF_FEW: LazyLock<[String; 2]> = LazyLock::new(|| {
    let row = |nth: usize| format!("({})", parameters(nth * COLUMNS.len(), ""));
    [
        insert(&format!("VALUES {}", row(0))),
        insert(&format!("VALUES {}, {}", row(0), row(1))),
    ]
});

/// Writes what a source has for each column.
fn insert(source: &str) -> String {
    let names = COLUMNS.map(|(name, _)| name).join(", ");
    format!("INSERT INTO protean_trace ({names}) {source}")
}

/// A parameter for each column, numbered on from some before; the types end with `suffix`.
fn parameters(before: usize, suffix: &str) -> String {
    let parameter =
        |(nth, (_, of)): (usize, &(_, &str))| format!("${}::{of}{suffix}", before + nth + 1);
    let all: Vec<String> = COLUMNS.iter().enumerate().map(parameter).collect();
    all.join(", ")
}

/// Where the positions are among the parameters of [`TRACE`].
const POSITIONS: usize = 2;

/// The arrays of [`TRACE`].
#[derive(Default)]
pub(crate) struct Traces {
    names: Vec<String>,
    lanes: Vec<i16>,
    positions: Vec<Option<i64>>,
    queues: Vec<Option<i64>>,
    firsts: Vec<Option<i64>>,
    lasts: Vec<Option<i64>>,
    ranges: Vec<Option<String>>,
    attempts: Vec<i32>,
    outcomes: Vec<i16>,
    started: Vec<Micros>,
    took: Vec<i64>,
    errors: Vec<Option<String>>,
}

impl Traces {
    pub(crate) fn of(records: Records) -> Self {
        let mut traces = Self::default();
        for record in records.into_rows() {
            traces.names.push(record.subscription.name.to_string());
            traces.lanes.push(lanes::number(record.lane));
            let (position, queue, span, ranges) = match record.messages {
                Messages::Queue {
                    queue,
                    first,
                    last,
                    ranges,
                } => (None, Some(queue), Some((first, last)), ranges),
                Messages::At(position) => (Some(position.0), None, None, None),
            };
            traces.positions.push(position.map(column));
            traces.queues.push(queue.map(column));
            traces.firsts.push(span.map(|(first, _)| column(first)));
            traces.lasts.push(span.map(|(_, last)| column(last)));
            traces.ranges.push(ranges);
            let attempt = i32::try_from(record.handling.attempt).unwrap_or(i32::MAX);
            traces.attempts.push(attempt);
            traces.outcomes.push(record.outcome.number().into());
            traces.started.push(Micros::of(record.handling.started));
            let took = i64::try_from(record.handling.took.as_micros());
            traces.took.push(took.unwrap_or(i64::MAX));
            traces.errors.push(record.error);
        }
        traces
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The statement that writes them, and its parameters.
    pub(crate) fn statement(&self) -> (&'static str, Vec<&(dyn ToSql + Sync)>) {
        let mut parameters = self.parameters().to_vec();
        if self.queues.iter().any(Option::is_none) {
            return (TRACE, parameters);
        }
        parameters.remove(POSITIONS);
        (&TRACE_IN_QUEUES, parameters)
    }

    /// The same where it is of one or two runs, of messages in their queues.
    pub(crate) fn statement_of_few(&self) -> Option<(&'static str, Vec<&(dyn ToSql + Sync)>)> {
        let sql = TRACE_OF_FEW.get(self.names.len().checked_sub(1)?)?;
        if self.queues.iter().any(Option::is_none) {
            return None;
        }
        let row = |nth: usize| -> [&(dyn ToSql + Sync); COLUMNS.len()] {
            [
                &self.names[nth],
                &self.lanes[nth],
                &self.queues[nth],
                &self.firsts[nth],
                &self.lasts[nth],
                &self.ranges[nth],
                &self.attempts[nth],
                &self.outcomes[nth],
                &self.started[nth],
                &self.took[nth],
                &self.errors[nth],
            ]
        };
        Some((sql, (0..self.names.len()).flat_map(row).collect()))
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 12] {
        [
            &self.names,
            &self.lanes,
            &self.positions,
            &self.queues,
            &self.firsts,
            &self.lasts,
            &self.ranges,
            &self.attempts,
            &self.outcomes,
            &self.started,
            &self.took,
            &self.errors,
        ]
    }
}
