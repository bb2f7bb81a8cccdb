//! Changes to rows, gathered so that many are one statement.

use std::collections::HashMap;

use deadpool_postgres::Client;
use protean_core::port;
use protean_core::port::store::{Change, Write};
use protean_core::schema::{Kind, Schema, Value};
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use crate::sql::{Catalog, Statements};
use crate::value::{self, Parameter};

/// What a statement does to its rows; in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Deed {
    Delete,
    Update,
    Put,
    Insert,
}

impl Deed {
    const fn of(change: &Change) -> Self {
        match change {
            Change::Insert(_) => Self::Insert,
            Change::Update { .. } => Self::Update,
            Change::Put(_) => Self::Put,
            Change::Delete { .. } => Self::Delete,
        }
    }

    /// The statement that does it.
    pub(super) fn sql(self, statements: &Statements) -> &str {
        match self {
            Self::Delete => &statements.delete,
            Self::Update => &statements.update,
            Self::Put => &statements.put,
            Self::Insert => &statements.insert,
        }
    }
}

/// Rows of one table to which one statement does the same.
pub(super) struct Set<'c> {
    pub(super) schema: &'static Schema,
    pub(super) deed: Deed,
    /// The changes, each with the number of its commit.
    pub(super) changes: Vec<(usize, &'c Change)>,
}

/// Gathers changes, each with the number of its commit, into sets, in an order that leaves each row as its last change
/// wants it: a set holds no row twice.
pub(super) fn gather<'c>(writes: impl Iterator<Item = (usize, &'c Write)>) -> Vec<Set<'c>> {
    let mut depths: HashMap<(&str, String), usize> = HashMap::new();
    let mut sets: Vec<(usize, Set<'c>)> = Vec::new();
    let mut places: HashMap<(usize, &str, Deed), usize> = HashMap::new();
    for (nth, write) in writes {
        let table = write.schema.table;
        let depth = depths
            .entry((table, identity(write.schema, &write.change)))
            .and_modify(|depth| *depth += 1)
            .or_default();
        let deed = Deed::of(&write.change);
        let place = *places.entry((*depth, table, deed)).or_insert_with(|| {
            let set = Set {
                schema: write.schema,
                deed,
                changes: Vec::new(),
            };
            sets.push((*depth, set));
            sets.len() - 1
        });
        sets[place].1.changes.push((nth, &write.change));
    }
    sets.sort_by_key(|(depth, set)| (*depth, set.deed));
    sets.into_iter().map(|(_, set)| set).collect()
}

/// The identity of the row that a change is about, as text.
pub(super) fn identity(schema: &Schema, change: &Change) -> String {
    match change {
        Change::Insert(row) | Change::Put(row) | Change::Update { row, .. } => schema
            .identifier()
            .and_then(|at| row.get(at))
            .map(Value::to_key)
            .unwrap_or_default(),
        Change::Delete { id, .. } => id.to_key(),
    }
}

impl Set<'_> {
    /// The same changes in sets of at most so many.
    pub(super) fn apart(self, rows_max: usize) -> impl Iterator<Item = Self> {
        let Self {
            schema,
            deed,
            changes,
        } = self;
        let count = changes.len().div_ceil(rows_max);
        let mut changes = changes.into_iter();
        (0..count).map(move |_| Self {
            schema,
            deed,
            changes: changes.by_ref().take(rows_max).collect(),
        })
    }

    /// The statement, prepared on this connection.
    pub(super) async fn prepare(
        &self,
        client: &Client,
        catalog: &Catalog,
    ) -> Result<Statement, tokio_postgres::Error> {
        let statements = catalog.of(self.schema);
        client.prepare_cached(self.deed.sql(&statements)).await
    }

    /// The statement, prepared on this connection, so that it fails, by a division, unless it writes
    /// every row: how many there are is its last parameter.
    pub(super) async fn prepare_whole(
        &self,
        client: &Client,
        catalog: &Catalog,
        arrays: usize,
    ) -> Result<Statement, tokio_postgres::Error> {
        let statements = catalog.of(self.schema);
        let (sql, count) = (self.deed.sql(&statements), arrays + 1);
        let whole = format!(
            "WITH written AS ({sql}) SELECT 1 / (count(*) = ${count}::bigint)::integer FROM written"
        );
        client.prepare_cached(&whole).await
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> i64 {
        i64::try_from(self.changes.len()).unwrap_or(i64::MAX)
    }

    /// The arrays that the statement takes.
    ///
    /// # Errors
    /// When a value has no place in its column.
    pub(super) fn arrays(&self) -> Result<Vec<Parameter>, port::Error> {
        let fields = self.schema.fields.iter().enumerate();
        let mut arrays = match self.deed {
            Deed::Delete => {
                let at = self.schema.identifier().unwrap_or_default();
                let ids = self.changes.iter().map(|(_, change)| match change {
                    Change::Delete { id, .. } => id,
                    _ => &Value::Null,
                });
                vec![value::array(&self.schema.fields[at], ids)?]
            }
            _ => fields
                .map(|(at, field)| {
                    let column = self.changes.iter().map(move |(_, change)| match change {
                        Change::Insert(row) | Change::Put(row) | Change::Update { row, .. } => {
                            row.get(at).unwrap_or(&Value::Null)
                        }
                        Change::Delete { .. } => &Value::Null,
                    });
                    value::array(field, column)
                })
                .collect::<Result<_, _>>()?,
        };
        if matches!(self.deed, Deed::Delete | Deed::Update) {
            arrays.push(Box::new(self.expected()));
        }
        Ok(arrays)
    }

    fn expected(&self) -> Vec<i64> {
        let versions = self.changes.iter().map(|(_, change)| match change {
            Change::Update { expected, .. } | Change::Delete { expected, .. } => *expected,
            Change::Insert(_) | Change::Put(_) => 0,
        });
        versions.collect()
    }

    /// Whether the identities that a statement returns tell which rows it wrote: their text is the
    /// same on both sides.
    pub(super) fn tells(&self) -> bool {
        let at = self.schema.identifier().unwrap_or_default();
        matches!(
            self.schema.fields[at].kind,
            Kind::Text | Kind::Uuid | Kind::Integer
        )
    }
}

/// Parameters as a statement takes them.
pub(super) fn lent(parameters: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|parameter| &**parameter as &(dyn ToSql + Sync))
        .collect()
}
