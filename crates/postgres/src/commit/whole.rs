//! A transaction that publishes one message, as one statement: it takes PostgreSQL a fifth to a
//! quarter less than as several, since each of those is begun and ended, and answered.
//!
//! All parts of a statement see what was there when it began. Whoever waited for somebody else to
//! let go of the queue would not see their messages, the last of its key among them: so it fails, by
//! a division, when the queue was moved meanwhile. It fails as well when a part does not write what
//! it has to, and then nothing of it has happened.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use protean_core::port;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::insert::INSERT_MOVED;
use super::last::Last;
use super::sets::{Set, lent};
use crate::sql::Catalog;
use crate::value::Parameter;

/// Moves the head of a queue, on conditions that may follow.
const MOVE: &str = "UPDATE protean_queue SET head = head + 1 WHERE id = $1::bigint";

/// Says where the queue is then, if it was there when the statement began.
const MOVED: &str = "RETURNING id, head, 1 / (head - 1 = (SELECT seen.head
    FROM protean_queue AS seen WHERE seen.id = $1::bigint))::integer AS was_seen";

/// The parameters of these, and where the queue has to be before.
pub(super) type Alone<'w> = ([&'w (dyn ToSql + Sync); 13], &'w Option<i64>);

/// Publishes one message and does nothing else; says where it is, and nothing if its queue is gone.
pub(super) static PUBLISH: LazyLock<String> =
    LazyLock::new(|| format!("WITH moved AS ({MOVE} {MOVED}) {INSERT_MOVED}"));

/// Whether a statement has failed by its division: something was not as it had to be.
pub(super) fn is_unmet(error: &Error) -> bool {
    error.code() == Some(&SqlState::DIVISION_BY_ZERO)
}

/// Changes of one set, which have to be written, as a part of the statement, and how many they are.
pub(super) struct Part {
    sql: String,
    parameters: Vec<Parameter>,
    count: i64,
}

impl Part {
    /// That of a set: one row is sent as values, which takes PostgreSQL a tenth of a millisecond less
    /// than arrays.
    ///
    /// # Errors
    /// When a value has no place in its column.
    pub(super) fn of(set: &Set<'_>, catalog: &Catalog) -> Result<Self, port::Error> {
        let (statements, count) = (catalog.of(set.schema), set.count());
        let (writes, parameters) = match count {
            1 => (&statements.of_one, set.values()?),
            _ => (&statements.of_many, set.arrays()?),
        };
        Ok(Self {
            sql: set.deed.sql(writes).to_owned(),
            parameters,
            count,
        })
    }
}

/// Whether sets can be parts of one statement: no part sees what another one does, so no row may be
/// changed twice.
pub(super) fn are_apart(sets: &[&Set<'_>]) -> bool {
    let mut tables = HashSet::new();
    sets.iter().all(|set| tables.insert(set.schema.table))
}

/// The statement, as it is composed.
pub(super) struct Whole<'w> {
    parts: String,
    count: usize,
    /// What has to be so before the queue is moved: everybody locks cursors first, then rows, then
    /// queues.
    checks: String,
    parameters: Vec<&'w (dyn ToSql + Sync)>,
}

impl<'w> Whole<'w> {
    /// All that a transaction does which publishes one message, as [`Last::alone`] has it.
    pub(super) fn of(last: &'w Last, alone: Alone<'w>, parts: &'w [Part]) -> Self {
        let mut whole = Self::publishing(alone);
        for parameters in last.guesses() {
            whole.check(super::settle::MOVE_GUESSED, &parameters, &1);
        }
        for Part {
            sql,
            parameters,
            count,
        } in parts
        {
            whole.check(sql, &lent(parameters), count);
        }
        whole.publish();
        if let Some((sql, parameters)) = last.trace_of_few() {
            whole.part("noted", sql, &parameters);
        }
        whole
    }

    fn publishing((message, head): Alone<'w>) -> Self {
        let mut parameters = message.to_vec();
        parameters.push(head);
        Self {
            parts: String::new(),
            count: 0,
            checks: format!("COALESCE(head = ${}::bigint, true)", parameters.len()),
            parameters,
        }
    }

    /// Adds a part that has to write so many rows.
    fn check(&mut self, sql: &str, parameters: &[&'w (dyn ToSql + Sync)], count: &'w i64) {
        self.count += 1;
        let name = format!("part_{}", self.count);
        self.part(&name, sql, parameters);
        self.parameters.push(count);
        let nth = self.parameters.len();
        let _ = write!(
            self.checks,
            " AND (SELECT count(*) FROM {name}) = ${nth}::bigint"
        );
    }

    fn publish(&mut self) {
        let checks = &self.checks;
        let moved = format!("{MOVE} AND 1 = 1 / ({checks})::integer {MOVED}");
        let _ = write!(
            self.parts,
            "moved AS ({moved}), message AS ({INSERT_MOVED}), "
        );
    }

    fn part(&mut self, name: &str, sql: &str, parameters: &[&'w (dyn ToSql + Sync)]) {
        let _ = write!(self.parts, "{name} AS (");
        shift(&mut self.parts, sql, self.parameters.len());
        self.parts.push_str("), ");
        self.parameters.extend_from_slice(parameters);
    }

    /// The statement, which answers as one that inserts a message, and its parameters.
    pub(super) fn statement(self) -> (String, Vec<&'w (dyn ToSql + Sync)>) {
        let parts = self.parts.trim_end_matches(", ");
        let sql = format!(
            "WITH {parts} SELECT (array_agg(id))[1], max(position), max(queue), max(sequence),
                 max(previous), 1 / count(*)::integer
             FROM message"
        );
        (sql, self.parameters)
    }
}

/// Appends a statement whose parameters come after so many others. What is in quotes is a name.
fn shift(whole: &mut String, sql: &str, by: usize) {
    for (nth, segment) in sql.split('"').enumerate() {
        if nth > 0 {
            whole.push('"');
        }
        if nth % 2 == 1 {
            whole.push_str(segment);
            continue;
        }
        let mut pieces = segment.split('$');
        whole.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let rest = piece.trim_start_matches(|one: char| one.is_ascii_digit());
            let number: usize = piece[..piece.len() - rest.len()]
                .parse()
                .unwrap_or_default();
            let _ = write!(whole, "${}{rest}", number + by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_on_but_names_stay() {
        let mut whole = String::from("a AS (");
        shift(
            &mut whole,
            r#"UPDATE "t$1" SET "a""$2" = $1::text, b = $12"#,
            30,
        );
        assert_eq!(
            whole,
            r#"a AS (UPDATE "t$1" SET "a""$2" = $31::text, b = $42"#
        );
    }
}
