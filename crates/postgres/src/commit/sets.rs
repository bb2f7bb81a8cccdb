//! Changes to rows, gathered so that many are one statement.

use std::collections::HashMap;

use deadpool_postgres::Client;
use protean_core::port;
use protean_core::port::store::{Change, Write};
use protean_core::schema::{Field, Kind, Schema, Value};
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use crate::sql::{Catalog, Writes};
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
    pub(super) fn sql(self, writes: &Writes) -> &str {
        match self {
            Self::Delete => &writes.delete,
            Self::Update => &writes.update,
            Self::Put => &writes.put,
            Self::Insert => &writes.insert,
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
        let sql = self.deed.sql(&statements.of_many);
        client.prepare_cached(sql).await
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
        let (sql, count) = (self.deed.sql(&statements.of_many), arrays + 1);
        let whole = format!(
            "WITH written AS ({sql}) SELECT 1 / (count(*) = ${count}::bigint)::integer FROM written"
        );
        client.prepare_cached(&whole).await
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> i64 {
        i64::try_from(self.changes.len()).unwrap_or(i64::MAX)
    }

    /// The arrays that the statement of many takes.
    ///
    /// # Errors
    /// When a value has no place in its column.
    pub(super) fn arrays(&self) -> Result<Vec<Parameter>, port::Error> {
        let array = |(at, field)| value::array(field, self.column(at));
        let mut arrays: Vec<Parameter> = self.fields().map(array).collect::<Result<_, _>>()?;
        if self.expects() {
            let all: Vec<i64> = self.expected().collect();
            arrays.push(Box::new(all));
        }
        Ok(arrays)
    }

    /// The values of its first row, which the statement of one takes.
    ///
    /// # Errors
    /// When a value has no place in its column.
    pub(super) fn values(&self) -> Result<Vec<Parameter>, port::Error> {
        let first = |(at, field)| {
            let value = self.column(at).next().unwrap_or(&Value::Null);
            value::single(field, value)
        };
        let mut values: Vec<Parameter> = self.fields().map(first).collect::<Result<_, _>>()?;
        if self.expects() {
            values.push(Box::new(self.expected().next()));
        }
        Ok(values)
    }

    /// The fields that are sent: of a row that goes, what it is known by.
    fn fields(&self) -> impl Iterator<Item = (usize, &'static Field)> {
        let fields = self.schema.fields.iter().enumerate();
        let goes = self.deed == Deed::Delete;
        fields.filter(move |(_, field)| field.identifier || !goes)
    }

    /// What is sent of a field.
    fn column(&self, at: usize) -> impl Iterator<Item = &Value> {
        self.changes.iter().map(move |(_, change)| match change {
            Change::Insert(row) | Change::Put(row) | Change::Update { row, .. } => {
                row.get(at).unwrap_or(&Value::Null)
            }
            Change::Delete { id, .. } => id,
        })
    }

    /// Whether it is of rows that have to have a version.
    const fn expects(&self) -> bool {
        matches!(self.deed, Deed::Delete | Deed::Update)
    }

    fn expected(&self) -> impl Iterator<Item = i64> {
        self.changes.iter().map(|(_, change)| match change {
            Change::Update { expected, .. } | Change::Delete { expected, .. } => *expected,
            Change::Insert(_) | Change::Put(_) => 0,
        })
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
