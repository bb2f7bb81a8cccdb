//! The tables of a domain.

use std::path::Path;

use protean_core::port::tables::{leftover, mismatch};
use protean_core::port::{self, Tables};
use protean_core::schema::{Field, Kind, Schema};
use protean_core::{BoxFuture, Lane};
use rusqlite::Connection;

use crate::database::Rings;
use crate::error::failed;
use crate::sql::quoted;
use crate::{Sqlite, backup, schema as framework};

impl Tables for Sqlite {
    fn setup<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        let schemas = schemas.to_vec();
        let setup = move |connection: &Connection| {
            framework::create(connection).map_err(|error| failed("the setup", &error))?;
            let mut done = Vec::new();
            for schema in &schemas {
                done.extend(set_up(connection, schema)?);
            }
            Ok(done)
        };
        Box::pin(self.write(Lane::Primary, Rings::Nothing, setup))
    }

    fn missing<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        let schemas = schemas.to_vec();
        let look = move |connection: &Connection| {
            let broken = |error| failed("the look at the tables", &error);
            connection.execute_batch("SAVEPOINT look").map_err(broken)?;
            let all = schemas.iter();
            let done: Result<Vec<_>, _> = all.map(|schema| set_up(connection, schema)).collect();
            let undo = "ROLLBACK TO look; RELEASE look";
            connection.execute_batch(undo).map_err(broken)?;
            Ok(done?.concat())
        };
        Box::pin(self.write(Lane::Primary, Rings::Nothing, look))
    }

    fn backup<'a>(&'a self, file: &'a Path) -> BoxFuture<'a, Result<Option<u64>, port::Error>> {
        let (from, to) = (self.inner.path.clone(), file.to_owned());
        Box::pin(async move { backup::copy(from, to).await.map(Some) })
    }

    fn drop_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        let names = names(schemas);
        let run = move |connection: &Connection| {
            each(connection, &names, "DROP TABLE IF EXISTS", "dropped")
        };
        Box::pin(self.write(Lane::Primary, Rings::Everything, run))
    }

    fn truncate_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        let names = names(schemas);
        let run = move |connection: &Connection| {
            let done = each(connection, &names, "DELETE FROM", "emptied")?;
            framework::create(connection).map_err(|error| failed("the truncation", &error))?;
            Ok(done)
        };
        Box::pin(self.write(Lane::Primary, Rings::Everything, run))
    }
}

fn names(schemas: &[&'static Schema]) -> Vec<&'static str> {
    schemas
        .iter()
        .map(|schema| schema.table)
        .chain(framework::NAMES)
        .collect()
}

/// Does something to each table that is there.
fn each(
    connection: &Connection,
    names: &[&str],
    statement: &str,
    done: &str,
) -> Result<Vec<String>, port::Error> {
    let broken = |error| failed(statement, &error);
    let mut lines = Vec::new();
    for name in names {
        if columns(connection, name).map_err(broken)?.is_empty() {
            continue;
        }
        connection
            .execute(&format!("{statement} {}", quoted(name)), [])
            .map_err(broken)?;
        lines.push(format!("{done} {name}"));
    }
    Ok(lines)
}

/// The type of a field's column.
const fn column_type(field: &Field) -> &'static str {
    match field.kind {
        Kind::Text | Kind::Json | Kind::Uuid => "TEXT",
        Kind::Integer | Kind::Timestamp | Kind::Boolean => "INTEGER",
        Kind::Float => "REAL",
        Kind::Decimal => "NUMERIC",
    }
}

/// What a column that is added to rows holds in them.
const fn empty_value(field: &Field) -> &'static str {
    match field.kind {
        Kind::Text => "''",
        Kind::Json => "'null'",
        Kind::Uuid => "'00000000-0000-0000-0000-000000000000'",
        Kind::Integer | Kind::Timestamp | Kind::Boolean | Kind::Decimal => "0",
        Kind::Float => "0.0",
    }
}

fn set_up(connection: &Connection, schema: &Schema) -> Result<Vec<String>, port::Error> {
    let broken = |error| failed(&format!("the setup of {}", schema.table), &error);
    let known = columns(connection, schema.table).map_err(broken)?;
    let mut done = Vec::new();
    if known.is_empty() {
        connection
            .execute_batch(&creation(schema))
            .map_err(broken)?;
        done.push(format!("created {}", schema.table));
    } else {
        for field in schema.fields {
            match known.iter().find(|column| column.name == field.name) {
                None => {
                    connection
                        .execute_batch(&addition(schema, field))
                        .map_err(broken)?;
                    done.push(format!("added {}.{}", schema.table, field.name));
                }
                Some(found) if found.kind != column_type(field) => {
                    return Err(mismatch(schema, field, &found.kind, column_type(field)));
                }
                Some(_) => {}
            }
        }
        let unknown = |column: &&Column| schema.fields.iter().all(|one| one.name != column.name);
        if let Some(column) = known.iter().filter(unknown).find(|column| column.required) {
            return Err(leftover(schema, &column.name));
        }
    }
    for field in schema
        .fields
        .iter()
        .filter(|field| field.unique || field.indexed)
    {
        let unique = if field.unique { "UNIQUE " } else { "" };
        let name = quoted(&format!("{}_{}", schema.table, field.name));
        let sql = format!(
            "CREATE {unique}INDEX IF NOT EXISTS {name} ON {} ({})",
            quoted(schema.table),
            quoted(field.name)
        );
        connection.execute_batch(&sql).map_err(broken)?;
    }
    Ok(done)
}

/// A column as it is in the file.
struct Column {
    name: String,
    kind: String,
    /// Whether every new row has to fill it.
    required: bool,
}

/// A table's columns; none when there is no such table.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let sql = "SELECT name, type, \"notnull\" AND dflt_value IS NULL FROM pragma_table_info(?1)";
    let mut info = connection.prepare(sql)?;
    let found = info.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            kind: row.get(1)?,
            required: row.get(2)?,
        })
    })?;
    found.collect()
}

fn creation(schema: &Schema) -> String {
    let mut columns: Vec<String> = Vec::with_capacity(schema.fields.len() + 1);
    for field in schema.fields {
        let name = quoted(field.name);
        let null = if field.optional { "" } else { " NOT NULL" };
        let key = if field.identifier { " PRIMARY KEY" } else { "" };
        let check = match field.kind {
            Kind::Boolean => format!(" CHECK ({name} IN (0, 1))"),
            _ => String::new(),
        };
        columns.push(format!("{name} {}{key}{null}{check}", column_type(field)));
    }
    columns.push("_version INTEGER NOT NULL DEFAULT 0".to_owned());
    let clustered = if schema.identifier().is_some() {
        " WITHOUT ROWID"
    } else {
        ""
    };
    format!(
        "CREATE TABLE {} ({}){clustered}",
        quoted(schema.table),
        columns.join(", ")
    )
}

fn addition(schema: &Schema, field: &Field) -> String {
    let null = match field.optional {
        true => String::new(),
        false => format!(" NOT NULL DEFAULT {}", empty_value(field)),
    };
    let (table, name) = (quoted(schema.table), quoted(field.name));
    format!(
        "ALTER TABLE {table} ADD COLUMN {name} {}{null}",
        column_type(field)
    )
}
