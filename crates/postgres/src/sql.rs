//! The statements for the tables of a domain, written once per table.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use protean_core::schema::Schema;

use crate::value::{column_type, wire_type};

/// The statements for one table.
#[derive(Debug)]
pub(crate) struct Statements {
    /// Take one array per column, so that any number of rows is one statement with one plan.
    pub(crate) of_many: Writes,
    /// Take the values of one row: less to take apart.
    pub(crate) of_one: Writes,
    /// Reads a row by its identity; the values, then the version.
    pub(crate) load: String,
    /// The columns and the version, without a condition.
    pub(crate) select: String,
    /// The identity's column, quoted.
    pub(crate) identity: String,
}

/// The statements that write rows of one table; they return the identities of those they wrote.
#[derive(Debug)]
pub(crate) struct Writes {
    /// Inserts rows; those that break a constraint are left out.
    pub(crate) insert: String,
    /// Updates rows that have the expected version, which is the last parameter.
    pub(crate) update: String,
    /// Inserts rows, or replaces them and counts their version on.
    pub(crate) put: String,
    /// Deletes rows that have the expected version: identities, then versions.
    pub(crate) delete: String,
}

/// How rows are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Arrays,
    Values,
}

impl Sent {
    /// A table of what is sent in parameters of these types, which begin with the first.
    fn table<'t>(self, types: impl Iterator<Item = &'t str>) -> String {
        let parameter = |(nth, of): (usize, &str)| match self {
            Self::Arrays => format!("${}::{of}[]", nth + 1),
            Self::Values => format!("${}::{of}", nth + 1),
        };
        let all: Vec<String> = types.enumerate().map(parameter).collect();
        match self {
            Self::Arrays => format!("unnest({})", all.join(", ")),
            Self::Values => format!("(VALUES ({}))", all.join(", ")),
        }
    }
}

/// The statements of every table met so far.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    tables: Mutex<HashMap<&'static str, Arc<Statements>>>,
}

impl Catalog {
    /// The statements for the table of this schema.
    pub(crate) fn of(&self, schema: &'static Schema) -> Arc<Statements> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let statements = tables
            .entry(schema.table)
            .or_insert_with(|| Arc::new(Statements::of(schema)));
        statements.clone()
    }
}

/// A name as SQL takes it, whatever words it is made of.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The parts that statements are made of, column by column.
#[derive(Default)]
struct Parts {
    /// `"a", "b"`
    columns: Vec<String>,
    /// `text`, `uuid`
    types: Vec<&'static str>,
    /// `u."a", u."b"::numeric`
    sent: Vec<String>,
    /// `t."a", t."b"::text`
    read: Vec<String>,
    /// `"a" = u."a", `, without the identity
    set: String,
    /// `"a" = excluded."a", `, without the identity
    excluded: String,
}

impl Parts {
    fn of(schema: &Schema) -> Self {
        let mut parts = Self::default();
        for field in schema.fields {
            let name = quoted(field.name);
            let (column, wire) = (column_type(field.kind), wire_type(field.kind));
            let cast = |to: &str| match column == wire {
                true => String::new(),
                false => format!("::{to}"),
            };
            parts.types.push(wire);
            parts.sent.push(format!("u.{name}{}", cast(column)));
            parts.read.push(format!("t.{name}{}", cast(wire)));
            if !field.identifier {
                let _ = write!(parts.set, "{name} = u.{name}{}, ", cast(column));
                let _ = write!(parts.excluded, "{name} = excluded.{name}, ");
            }
            parts.columns.push(name);
        }
        parts
    }
}

impl Statements {
    fn of(schema: &Schema) -> Self {
        let table = quoted(schema.table);
        let parts = Parts::of(schema);
        let at = schema.identifier().unwrap_or_default();
        let kind = schema.fields[at].kind;
        let (id, id_wire, id_column) = (&parts.columns[at], wire_type(kind), column_type(kind));
        let read = parts.read.join(", ");
        Self {
            of_many: Writes::of(schema, &parts, Sent::Arrays),
            of_one: Writes::of(schema, &parts, Sent::Values),
            load: format!(
                "SELECT {read}, t._version FROM {table} AS t \
                 WHERE t.{id} = ($1::{id_wire})::{id_column}"
            ),
            select: format!("SELECT {read}, t._version FROM {table} AS t"),
            identity: format!("t.{id}"),
        }
    }
}

impl Writes {
    fn of(schema: &Schema, parts: &Parts, sent: Sent) -> Self {
        let table = quoted(schema.table);
        let at = schema.identifier().unwrap_or_default();
        let kind = schema.fields[at].kind;
        let (id, id_sent, id_column) = (&parts.columns[at], &parts.sent[at], column_type(kind));
        let (list, values) = (parts.columns.join(", "), parts.sent.join(", "));
        let (set, excluded) = (&parts.set, &parts.excluded);
        let version = || std::iter::once("bigint");
        let rows = sent.table(parts.types.iter().copied());
        let changed = sent.table(parts.types.iter().copied().chain(version()));
        let gone = sent.table(std::iter::once(wire_type(kind)).chain(version()));
        let insert = format!(
            "INSERT INTO {table} AS t ({list}, _version) SELECT {values}, 0 FROM {rows} AS u({list})"
        );
        let returning = format!("RETURNING t.{id}::text");
        Self {
            insert: format!("{insert} ON CONFLICT DO NOTHING {returning}"),
            update: format!(
                "UPDATE {table} AS t SET {set}_version = t._version + 1 \
                 FROM {changed} AS u({list}, _expected) \
                 WHERE t.{id} = {id_sent} AND t._version = u._expected {returning}"
            ),
            put: format!(
                "{insert} ON CONFLICT ({id}) DO UPDATE SET {excluded}_version = t._version + 1 \
                 {returning}"
            ),
            delete: format!(
                "DELETE FROM {table} AS t USING {gone} AS u(_id, _expected) \
                 WHERE t.{id} = u._id::{id_column} AND t._version = u._expected {returning}"
            ),
        }
    }
}
