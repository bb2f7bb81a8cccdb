//! The tables of a domain.

use std::collections::HashMap;

use deadpool_postgres::{Client, GenericClient};
use protean_core::port::tables::{leftover, mismatch};
use protean_core::port::{self, Tables};
use protean_core::schema::{Field, Kind, Schema};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::Error;

use crate::bell::News;
use crate::error::failed;
use crate::sql::quoted;
use crate::value::column_type;
use crate::{Postgres, schema as framework};

impl Tables for Postgres {
    fn setup<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            if is_complete(&client, schemas).await? {
                return Ok(Vec::new());
            }
            let result = set_up_all(&client, schemas).await;
            finish(&client, result).await
        })
    }

    fn missing<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            if is_complete(&client, schemas).await? {
                return Ok(Vec::new());
            }
            let result = set_up_all(&client, schemas).await;
            let undone = client.batch_execute("ROLLBACK").await;
            let missing = result?;
            undone.map_err(|error| failed("the look at the tables", &error))?;
            Ok(missing)
        })
    }

    fn drop_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        Box::pin(self.each(schemas, "DROP TABLE", "dropped"))
    }

    fn truncate_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        Box::pin(self.each(schemas, "TRUNCATE", "emptied"))
    }
}

impl Postgres {
    /// Does something to each table that is there.
    async fn each(
        &self,
        schemas: &[&'static Schema],
        statement: &str,
        done: &str,
    ) -> Result<Vec<String>, port::Error> {
        let client = self.inner.pools.lane(Lane::Primary).await?;
        let domain = schemas.iter().map(|schema| schema.table);
        let names: Vec<&str> = domain.chain(framework::NAMES).collect();
        let run = async {
            framework::begin(&client).await?;
            let mut lines = Vec::new();
            for name in names {
                if columns(&client, name).await?.is_empty() {
                    continue;
                }
                let sql = format!("{statement} {}", quoted(name));
                client.batch_execute(&sql).await?;
                lines.push(format!("{done} {name}"));
            }
            if statement == "TRUNCATE" {
                framework::create(&client).await?;
            }
            Ok(lines)
        };
        let result = run.await.map_err(|error| failed(statement, &error));
        let lines = finish(&client, result).await?;
        self.inner.bell.ring_out(&News::everything()).await;
        Ok(lines)
    }
}

/// Ends the transaction as its result asks.
async fn finish<T>(client: &Client, result: Result<T, port::Error>) -> Result<T, port::Error> {
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await;
    let value = result?;
    ended.map_err(|error| failed("the change of the tables", &error))?;
    Ok(value)
}

/// Whether nothing is missing. Looked at first, since whoever changes tables waits for everybody
/// who uses them, and most processes start where all is there.
async fn is_complete(client: &Client, schemas: &[&'static Schema]) -> Result<bool, port::Error> {
    let broken = |error| failed("the look at the tables", &error);
    match framework::version(client).await.map_err(broken)? {
        Some(framework::VERSION) => {}
        Some(found) => return Err(other_version(found)),
        None => return Ok(false),
    }
    // One look for all of them: whoever only wants to know something has to do this first.
    let domain = schemas.iter().map(|schema| schema.table);
    let names: Vec<&str> = framework::NAMES.into_iter().chain(domain).collect();
    let known = columns_of(client, &names).await.map_err(broken)?;
    let indexes = indexes(client, &names).await.map_err(broken)?;
    let is_there = |name: &&str| known.contains_key(*name);
    if !framework::NAMES.iter().all(is_there) {
        return Ok(false);
    }
    let nothing = HashMap::new();
    for schema in schemas {
        let known = known.get(schema.table).unwrap_or(&nothing);
        check(schema, known)?;
        for field in schema.fields {
            if !known.contains_key(field.name) {
                return Ok(false);
            }
            if is_indexed(field) && !indexes.contains(&index_name(schema, field)) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn other_version(found: i64) -> port::Error {
    let why = format!(
        "the database has layout {found}, this version has {}",
        framework::VERSION
    );
    port::Error::Tables { why }
}

async fn set_up_all(
    client: &Client,
    schemas: &[&'static Schema],
) -> Result<Vec<String>, port::Error> {
    let broken = |error| failed("the setup", &error);
    framework::begin(client).await.map_err(broken)?;
    framework::create(client).await.map_err(broken)?;
    let mut done = Vec::new();
    for schema in schemas {
        done.extend(set_up(client, schema).await?);
    }
    Ok(done)
}

async fn set_up(client: &Client, schema: &'static Schema) -> Result<Vec<String>, port::Error> {
    let broken = |error| failed(&format!("the setup of {}", schema.table), &error);
    let known = columns(client, schema.table).await.map_err(broken)?;
    let mut done = Vec::new();
    if known.is_empty() {
        let creation = creation(schema);
        client.batch_execute(&creation).await.map_err(broken)?;
        done.push(format!("created {}", schema.table));
    } else {
        check(schema, &known)?;
        let missing = schema.fields.iter();
        for field in missing.filter(|field| !known.contains_key(field.name)) {
            let addition = addition(schema, field);
            client.batch_execute(&addition).await.map_err(broken)?;
            done.push(format!("added {}.{}", schema.table, field.name));
        }
    }
    for field in schema.fields.iter().filter(|field| is_indexed(field)) {
        let unique = if field.unique { "UNIQUE " } else { "" };
        let sql = format!(
            "CREATE {unique}INDEX IF NOT EXISTS {} ON {} ({})",
            quoted(&index_name(schema, field)),
            quoted(schema.table),
            quoted(field.name)
        );
        client.batch_execute(&sql).await.map_err(broken)?;
    }
    Ok(done)
}

const fn is_indexed(field: &Field) -> bool {
    field.unique || field.indexed
}

fn index_name(schema: &Schema, field: &Field) -> String {
    format!("{}_{}", schema.table, field.name)
}

/// A column as it is in the database.
struct Column {
    kind: String,
    /// Whether every new row has to fill it.
    required: bool,
}

/// Columns, by their names.
type Columns = HashMap<String, Column>;

/// The columns of those of some tables that are there. The catalog itself, since the views that the
/// standard has for it take a connection that is new as long as everything else.
const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL),
        a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE n.nspname = current_schema() AND c.relname = ANY($1::text[])
        AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped";

const INDEXES: &str = "SELECT i.relname::text FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_index AS x ON x.indrelid = c.oid
    JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE n.nspname = current_schema() AND c.relname = ANY($1::text[])";

async fn columns_of(
    client: &impl GenericClient,
    tables: &[&str],
) -> Result<HashMap<String, Columns>, Error> {
    let mut all: HashMap<String, Columns> = HashMap::new();
    for row in client.query(COLUMNS, &[&tables]).await? {
        let column = Column {
            kind: row.try_get(2)?,
            required: row.try_get(3)?,
        };
        let table = all.entry(row.try_get(0)?).or_default();
        table.insert(row.try_get(1)?, column);
    }
    Ok(all)
}

/// A table's columns; none when there is no such table.
async fn columns(client: &impl GenericClient, table: &str) -> Result<Columns, Error> {
    let mut all = columns_of(client, &[table]).await?;
    Ok(all.remove(table).unwrap_or_default())
}

/// The names of the indexes of some tables.
async fn indexes(client: &impl GenericClient, tables: &[&str]) -> Result<Vec<String>, Error> {
    let rows = client.query(INDEXES, &[&tables]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// What a column that is added to rows holds in them.
const fn empty_value(field: &Field) -> &'static str {
    match field.kind {
        Kind::Text => "''",
        Kind::Json => "'null'",
        Kind::Uuid => "'00000000-0000-0000-0000-000000000000'",
        Kind::Integer | Kind::Decimal | Kind::Float => "0",
        Kind::Boolean => "false",
        Kind::Timestamp => "'epoch'",
    }
}

fn creation(schema: &Schema) -> String {
    let mut columns: Vec<String> = Vec::with_capacity(schema.fields.len() + 1);
    for field in schema.fields {
        let null = if field.optional { "" } else { " NOT NULL" };
        let key = if field.identifier { " PRIMARY KEY" } else { "" };
        let kind = column_type(field.kind);
        columns.push(format!("{} {kind}{key}{null}", quoted(field.name)));
    }
    columns.push("_version bigint NOT NULL DEFAULT 0".to_owned());
    format!(
        "CREATE TABLE {} ({})",
        quoted(schema.table),
        columns.join(", ")
    )
}

fn addition(schema: &Schema, field: &Field) -> String {
    let null = match field.optional {
        true => String::new(),
        false => format!(" NOT NULL DEFAULT {}", empty_value(field)),
    };
    format!(
        "ALTER TABLE {} ADD COLUMN {} {}{null}",
        quoted(schema.table),
        quoted(field.name),
        column_type(field.kind)
    )
}

/// Whether columns are what the code wants of those that are there.
fn check(schema: &Schema, known: &HashMap<String, Column>) -> Result<(), port::Error> {
    for field in schema.fields {
        let wanted = column_type(field.kind);
        match known.get(field.name) {
            Some(found) if found.kind != wanted => {
                return Err(mismatch(schema, field, &found.kind, wanted));
            }
            _ => {}
        }
    }
    let unknown = |name: &str| schema.fields.iter().all(|field| field.name != name);
    let mut required = known.iter().filter(|(_, column)| column.required);
    match required.find(|(name, _)| unknown(name)) {
        Some((name, _)) => Err(leftover(schema, name)),
        None => Ok(()),
    }
}
