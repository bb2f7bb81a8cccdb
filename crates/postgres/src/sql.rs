//! The statements for the tables of a domain, written once per table.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use protean_core::schema::Schema;

use crate::value::{column_type, wire_type};

/// The statements for one table. Those that write take one array per column, so that any number of
/// rows is one statement with one plan; they return the identities of the rows they wrote.
#[derive(Debug)]
pub(crate) struct Statements {
    /// Inserts rows; those that break a constraint are left out.
    pub(crate) insert: String,
    /// Updates rows that have the expected version, which is the last array.
    pub(crate) update: String,
    /// Inserts rows, or replaces them and counts their version on.
    pub(crate) put: String,
    /// Deletes rows that have the expected version: identities, then versions.
    pub(crate) delete: String,
    /// Reads a row by its identity; the values, then the version.
    pub(crate) load: String,
    /// The columns and the version, without a condition.
    pub(crate) select: String,
    /// The identity's column, quoted.
    pub(crate) identity: String,
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
    /// `$1::text[], $2::uuid[]`
    arrays: Vec<String>,
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
        for (nth, field) in schema.fields.iter().enumerate() {
            let name = quoted(field.name);
            let (column, wire) = (column_type(field.kind), wire_type(field.kind));
            let cast = |to: &str| match column == wire {
                true => String::new(),
                false => format!("::{to}"),
            };
            parts.arrays.push(format!("${}::{wire}[]", nth + 1));
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
        let field = &schema.fields[at];
        let (id, id_wire) = (&parts.columns[at], wire_type(field.kind));
        let id_column = column_type(field.kind);
        let id_sent = &parts.sent[at];
        let list = parts.columns.join(", ");
        let arrays = parts.arrays.join(", ");
        let values = parts.sent.join(", ");
        let read = parts.read.join(", ");
        let (set, excluded) = (&parts.set, &parts.excluded);
        let expected = parts.columns.len() + 1;
        let insert = format!(
            "INSERT INTO {table} AS t ({list}, _version) \
             SELECT {values}, 0 FROM unnest({arrays}) AS u({list})"
        );
        let returning = format!("RETURNING t.{id}::text");
        Self {
            insert: format!("{insert} ON CONFLICT DO NOTHING {returning}"),
            update: format!(
                "UPDATE {table} AS t SET {set}_version = t._version + 1 \
                 FROM unnest({arrays}, ${expected}::bigint[]) AS u({list}, _expected) \
                 WHERE t.{id} = {id_sent} AND t._version = u._expected {returning}"
            ),
            put: format!(
                "{insert} ON CONFLICT ({id}) DO UPDATE SET {excluded}_version = t._version + 1 \
                 {returning}"
            ),
            delete: format!(
                "DELETE FROM {table} AS t \
                 USING unnest($1::{id_wire}[], $2::bigint[]) AS u(_id, _expected) \
                 WHERE t.{id} = u._id::{id_column} AND t._version = u._expected {returning}"
            ),
            load: format!(
                "SELECT {read}, t._version FROM {table} AS t \
                 WHERE t.{id} = ($1::{id_wire})::{id_column}"
            ),
            select: format!("SELECT {read}, t._version FROM {table} AS t"),
            identity: format!("t.{id}"),
        }
    }
}
