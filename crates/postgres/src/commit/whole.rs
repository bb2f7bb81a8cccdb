//! A transaction that publishes one message, as one statement: it takes PostgreSQL a fifth to a
//! quarter less than as several, since each of those is begun and ended, and answered.
//!
//! All parts of a statement see what was there when it began. Whoever waited for somebody else to
//! let go of the queue would not see their messages, the last of its key among them: so it fails, by
//! a division, when the queue was moved meanwhile. It fails as well when a part does not write what
//! it has to, and then nothing of it has happened.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use protean_core::port;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::insert::INSERT_MOVED;
use super::last::Last;
use super::sets::{Deed, Set, lent};
use crate::sql::{Catalog, Statements};
use crate::value::Parameter;

/// Moves the head of a queue, on conditions that may follow.
const MOVE: &str = "UPDATE protean_queue SET head = head + 1 WHERE id = $1::bigint";

/// Says where the queue is then, if it was there when the statement began.
const MOVED: &str = "RETURNING id, head, 1 / (head - 1 = (SELECT seen.head
    FROM protean_queue AS seen WHERE seen.id = $1::bigint))::integer AS was_seen";

/// What the whole answers.
const ANSWER: &str = " SELECT (array_agg(id))[1], max(position), max(queue), max(sequence),
        max(previous), 1 / count(*)::integer
    FROM message";

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
pub(super) struct Part<'s> {
    set: &'s Set<'s>,
    statements: Arc<Statements>,
    parameters: Vec<Parameter>,
    count: i64,
}

impl<'s> Part<'s> {
    /// That of a set: one row is sent as values, which takes PostgreSQL a tenth of a millisecond less
    /// than arrays.
    ///
    /// # Errors
    /// When a value has no place in its column.
    pub(super) fn of(set: &'s Set<'s>, catalog: &Catalog) -> Result<Self, port::Error> {
        let count = set.count();
        let parameters = match count {
            1 => set.values()?,
            _ => set.arrays()?,
        };
        Ok(Self {
            set,
            statements: catalog.of(set.schema),
            parameters,
            count,
        })
    }

    fn sql(&self) -> &str {
        let writes = match self.is_one() {
            true => &self.statements.of_one,
            false => &self.statements.of_many,
        };
        self.set.deed.sql(writes)
    }

    /// What decides how it reads.
    const fn shape(&self) -> (&'static str, Deed, bool) {
        (self.set.schema.table, self.set.deed, self.is_one())
    }

    const fn is_one(&self) -> bool {
        self.count == 1
    }
}

/// Whether sets can be parts of one statement: no part sees what another one does, so no row may be
/// changed twice.
pub(super) fn are_apart(sets: &[&Set<'_>]) -> bool {
    let mut tables = HashSet::new();
    sets.iter().all(|set| tables.insert(set.schema.table))
}

/// What decides how a statement reads: the cursors that are moved, the sets, and how it is noted what
/// was done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shape {
    guesses: usize,
    parts: Vec<(&'static str, Deed, bool)>,
    trace: Option<&'static str>,
}

/// The statements that were composed already, by their shapes.
#[derive(Debug, Default)]
pub(crate) struct Wholes {
    texts: Mutex<HashMap<Shape, Arc<str>>>,
}

/// The most statements that are kept: more than the handlers of a domain have ways to change tables,
/// and a few hundred kilobytes. Others are composed each time.
const WHOLES_MAX: usize = 256;

impl Wholes {
    fn text(&self, whole: &Whole<'_>) -> Arc<str> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = texts.get(&whole.shape) {
            return text.clone();
        }
        let text: Arc<str> = whole.compose().into();
        if texts.len() < WHOLES_MAX {
            texts.insert(whole.shape.clone(), text.clone());
        }
        text
    }
}

/// A part of a statement that has to write so many rows.
struct Clause<'w> {
    sql: &'w str,
    parameters: Vec<&'w (dyn ToSql + Sync)>,
    count: &'w i64,
}

/// What one statement does and is given, but for its text.
pub(super) struct Whole<'w> {
    shape: Shape,
    /// The message, and where its queue has to be before.
    publishing: Vec<&'w (dyn ToSql + Sync)>,
    /// What has to be so before the queue is moved: everybody locks cursors first, then rows, then
    /// queues.
    clauses: Vec<Clause<'w>>,
    noted: Vec<&'w (dyn ToSql + Sync)>,
}

impl<'w> Whole<'w> {
    /// All that a transaction does which publishes one message, as [`Last::alone`] has it.
    pub(super) fn of(last: &'w Last, (message, head): Alone<'w>, parts: &'w [Part<'w>]) -> Self {
        let mut clauses = Vec::new();
        clauses.extend(last.guesses().map(|parameters| Clause {
            sql: super::settle::MOVE_GUESSED,
            parameters,
            count: &1,
        }));
        let guesses = clauses.len();
        clauses.extend(parts.iter().map(|part| Clause {
            sql: part.sql(),
            parameters: lent(&part.parameters),
            count: &part.count,
        }));
        let (trace, noted) = last.trace_of_few().unzip();
        let mut publishing = message.to_vec();
        publishing.push(head);
        Self {
            shape: Shape {
                guesses,
                parts: parts.iter().map(Part::shape).collect(),
                trace,
            },
            publishing,
            clauses,
            noted: noted.unwrap_or_default(),
        }
    }

    /// The statement, which answers as one that inserts a message, and its parameters.
    pub(super) fn statement(self, wholes: &Wholes) -> (Arc<str>, Vec<&'w (dyn ToSql + Sync)>) {
        let text = wholes.text(&self);
        let mut parameters = self.publishing;
        for clause in self.clauses {
            parameters.extend(clause.parameters);
            parameters.push(clause.count);
        }
        parameters.extend(self.noted);
        (text, parameters)
    }

    fn compose(&self) -> String {
        let mut count = self.publishing.len();
        let mut checks = format!("COALESCE(head = ${count}::bigint, true)");
        let mut sql = "WITH ".to_owned();
        for (nth, clause) in self.clauses.iter().enumerate() {
            let _ = write!(sql, "part_{nth} AS (");
            shift(&mut sql, clause.sql, count);
            sql.push_str("), ");
            count += clause.parameters.len() + 1;
            let _ = write!(
                checks,
                " AND (SELECT count(*) FROM part_{nth}) = ${count}::bigint"
            );
        }
        let moved = format!("{MOVE} AND 1 = 1 / ({checks})::integer {MOVED}");
        let _ = write!(sql, "moved AS ({moved}), message AS ({INSERT_MOVED})");
        if let Some(trace) = self.shape.trace {
            sql.push_str(", noted AS (");
            shift(&mut sql, trace, count);
            sql.push(')');
        }
        sql.push_str(ANSWER);
        sql
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

    /// One that moves no cursor and has these parts.
    fn whole(parts: &[(&'static str, &'static str, i64)]) -> Whole<'static> {
        let shapes = parts
            .iter()
            .map(|(table, _, count)| (*table, Deed::Insert, *count == 1));
        let clauses = parts.iter().map(|(_, sql, _)| Clause {
            sql,
            parameters: vec![&7_i64],
            count: &1,
        });
        Whole {
            shape: Shape {
                guesses: 0,
                parts: shapes.collect(),
                trace: None,
            },
            publishing: vec![&0_i64; 14],
            clauses: clauses.collect(),
            noted: Vec::new(),
        }
    }

    #[test]
    fn a_statement_is_composed_once_for_each_shape() {
        let wholes = Wholes::default();
        let one = ("book", "INSERT $1 RETURNING 1", 1);
        let many = ("book", "INSERT ANY $1 RETURNING 1", 2);
        let (first, parameters) = whole(&[one]).statement(&wholes);
        assert!(first.starts_with("WITH part_0 AS (INSERT $15 RETURNING 1), moved AS ("));
        assert!(first.contains("(SELECT count(*) FROM part_0) = $16::bigint"));
        assert_eq!(parameters.len(), 16);
        let (again, _) = whole(&[one]).statement(&wholes);
        assert!(Arc::ptr_eq(&first, &again));
        for other in [&[many][..], &[one, many], &[]] {
            let (text, _) = whole(other).statement(&wholes);
            assert_ne!(text, first);
            assert_eq!(*text, whole(other).compose());
        }
    }
}
