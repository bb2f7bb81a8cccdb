//! The store.

use protean_core::message::Message;
use protean_core::port::along::Since;
use protean_core::port::broker::Subscription;
use protean_core::port::store::{
    Commit, Committed, Direction, Page, Query, Refused, Store, Stored,
};
use protean_core::port::{self};
use protean_core::schema::{Schema, Value};
use protean_core::{BoxFuture, Lane};
use rusqlite::{Connection, params_from_iter};

use crate::Sqlite;
use crate::database::WRITE_TIMEOUT;
use crate::error::{failed, unanswered};
use crate::row::{self, Bind};
use crate::sql::{Statements, quoted};

impl Store for Sqlite {
    fn load<'a>(
        &'a self,
        lane: Lane,
        schema: &'static Schema,
        id: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Stored>, port::Error>> {
        let statements = self.inner.catalog.of(schema);
        let id = id.clone();
        Box::pin(self.readers(lane).look_up(move |connection| {
            let broken = |error| failed("the load", &error);
            let mut select = connection
                .prepare_cached(&statements.load)
                .map_err(broken)?;
            let mut rows = select.query([Bind(&id)]).map_err(broken)?;
            let found = rows.next().map_err(broken)?;
            found.map(|found| row::read(schema, found)).transpose()
        }))
    }

    fn select<'a>(
        &'a self,
        lane: Lane,
        schema: &'static Schema,
        query: &'a Query,
    ) -> BoxFuture<'a, Result<Page, port::Error>> {
        let statements = self.inner.catalog.of(schema);
        let query = query.clone();
        Box::pin(async move {
            let selection = Selection::of(schema, &statements, query)?;
            self.readers(lane)
                .read(move |connection| selection.run(connection))
                .await
        })
    }

    fn since(&self, subscription: &Subscription, lane: Lane, message: &Message) -> Option<Since> {
        self.inner.known.since(subscription, lane, message)
    }

    fn commit(
        &self,
        lane: Lane,
        batch: Vec<Commit>,
    ) -> BoxFuture<'_, Vec<Result<Committed, Refused>>> {
        let count = batch.len();
        let answer = self.writer().commit(lane, batch);
        Box::pin(async move {
            let why = match tokio::time::timeout(WRITE_TIMEOUT, answer).await {
                Ok(Ok(results)) => return results,
                Ok(Err(_)) => "the writer has ended",
                Err(_) => "the write lock was not free in time",
            };
            (0..count)
                .map(|_| Err(Refused::Store(unanswered("the commit", why))))
                .collect()
        })
    }
}

/// A query in SQL.
struct Selection {
    schema: &'static Schema,
    rows: String,
    count: String,
    values: Vec<Value>,
}

impl Selection {
    fn of(
        schema: &'static Schema,
        statements: &Statements,
        query: Query,
    ) -> Result<Self, port::Error> {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (name, value) in query.equals {
            let column = column(schema, &name)?;
            if value == Value::Null {
                conditions.push(format!("{column} IS NULL"));
                continue;
            }
            values.push(value);
            conditions.push(format!("{column} = ?{}", values.len()));
        }
        let condition = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let mut order = Vec::new();
        for (name, direction) in &query.order_by {
            let direction = match direction {
                Direction::Ascending => "ASC",
                Direction::Descending => "DESC",
            };
            order.push(format!("{} {direction}", column(schema, name)?));
        }
        order.push(statements.identity.clone());
        let limit = query
            .limit
            .unwrap_or(Query::LIMIT_DEFAULT)
            .min(Query::LIMIT_MAX);
        let rows = format!(
            "{}{condition} ORDER BY {} LIMIT {limit} OFFSET {}",
            statements.select,
            order.join(", "),
            query.offset
        );
        let count = format!("SELECT COUNT(*) FROM {}{condition}", quoted(schema.table));
        Ok(Self {
            schema,
            rows,
            count,
            values,
        })
    }

    fn run(&self, connection: &Connection) -> Result<Page, port::Error> {
        let broken = |error| failed("the query", &error);
        let values = || params_from_iter(self.values.iter().map(Bind));
        // One transaction, so that the rows and their number are of one moment.
        let moment = connection.unchecked_transaction().map_err(broken)?;
        let mut select = moment.prepare_cached(&self.rows).map_err(broken)?;
        let mut found = select.query(values()).map_err(broken)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(broken)? {
            rows.push(row::read(self.schema, row)?);
        }
        let mut count = moment.prepare_cached(&self.count).map_err(broken)?;
        let total = count
            .query_row(values(), |row| row.get(0))
            .map_err(broken)?;
        Ok(Page { rows, total })
    }
}

/// A column of the schema, quoted.
fn column(schema: &'static Schema, name: &str) -> Result<String, port::Error> {
    if schema.field(name).is_some() {
        return Ok(quoted(name));
    }
    let columns = schema
        .fields
        .iter()
        .map(|field| field.name)
        .collect::<Vec<_>>()
        .join(", ");
    Err(port::Error::UnknownColumn {
        table: schema.table,
        column: name.to_owned(),
        columns,
    })
}
