//! The store.

use protean_core::message::Message;
use protean_core::port::along::Since;
use protean_core::port::broker::Subscription;
use protean_core::port::store::{
    Commit, Committed, Connections, Direction, Page, Query, Refused, Store, Stored,
};
use protean_core::port::{self};
use protean_core::schema::{Schema, Value};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::types::ToSql;

use crate::Postgres;
use crate::error::failed;
use crate::pool::ANY_COLUMN;
use crate::sql::{Statements, quoted};
use crate::value::{self, Parameter, wire_type};

impl Store for Postgres {
    fn connections(&self) -> Vec<Connections> {
        self.inner.pools.connections().to_vec()
    }

    fn load<'a>(
        &'a self,
        lane: Lane,
        schema: &'static Schema,
        id: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Stored>, port::Error>> {
        Box::pin(async move {
            let statements = self.inner.catalog.of(schema);
            let field = &schema.fields[schema.identifier().unwrap_or_default()];
            let id = value::single(field, id)?;
            let broken = |error| failed("the load", &error);
            let client = self.inner.pools.lane(lane).await?;
            let select = client
                .prepare_cached(&statements.load)
                .await
                .map_err(broken)?;
            let parameters: [&(dyn ToSql + Sync); 1] = [&*id];
            let found = client
                .query_opt(&select, &parameters)
                .await
                .map_err(broken)?;
            found.map(|row| value::read(schema, &row)).transpose()
        })
    }

    fn select<'a>(
        &'a self,
        lane: Lane,
        schema: &'static Schema,
        query: &'a Query,
    ) -> BoxFuture<'a, Result<Page, port::Error>> {
        Box::pin(async move {
            let statements = self.inner.catalog.of(schema);
            Selection::of(schema, &statements, query)?
                .run(self, lane)
                .await
        })
    }

    fn since(&self, subscription: &Subscription, lane: Lane, message: &Message) -> Option<Since> {
        let committers = &self.inner.committers;
        let place = (lane, message);
        committers
            .known
            .since(&committers.queues, subscription, place)
    }

    fn commit(
        &self,
        lane: Lane,
        batch: Vec<Commit>,
    ) -> BoxFuture<'_, Vec<Result<Committed, Refused>>> {
        Box::pin(crate::commit::commit(self, lane, batch))
    }
}

/// A query in SQL.
struct Selection {
    schema: &'static Schema,
    rows: String,
    count: String,
    values: Vec<Parameter>,
}

impl Selection {
    fn of(
        schema: &'static Schema,
        statements: &Statements,
        query: &Query,
    ) -> Result<Self, port::Error> {
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (name, value) in &query.equals {
            let (column, at) = column(schema, name)?;
            if *value == Value::Null {
                conditions.push(format!("{column} IS NULL"));
                continue;
            }
            let field = &schema.fields[at];
            values.push(value::single(field, value)?);
            let (wire, kept) = (wire_type(field.kind), value::column_type(field.kind));
            conditions.push(format!("{column} = (${}::{wire})::{kept}", values.len()));
        }
        let condition = match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        };
        let limit = query
            .limit
            .unwrap_or(Query::LIMIT_DEFAULT)
            .min(Query::LIMIT_MAX);
        let rows = format!(
            "{}{condition} ORDER BY {} LIMIT {limit} OFFSET {}",
            statements.select,
            order(schema, statements, query)?,
            query.offset
        );
        let table = quoted(schema.table);
        let count = format!("SELECT COUNT(*) FROM {table} AS t{condition}");
        Ok(Self {
            schema,
            rows,
            count,
            values,
        })
    }

    /// Reads the rows and counts them all, at one moment.
    async fn run(self, database: &Postgres, lane: Lane) -> Result<Page, port::Error> {
        let broken = |error| failed("the query", &error);
        let mut client = database.inner.pools.lane(lane).await?;
        let moment = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await
            .map_err(broken)?;
        let values: Vec<&(dyn ToSql + Sync)> =
            self.values.iter().map(|value| &**value as _).collect();
        let rows = moment.prepare_cached(&self.rows).await.map_err(broken)?;
        let count = moment.prepare_cached(&self.count).await.map_err(broken)?;
        let ((), rows, count) = tokio::try_join!(
            moment.batch_execute(ANY_COLUMN),
            moment.query(&rows, &values),
            moment.query_one(&count, &values)
        )
        .map_err(broken)?;
        moment.commit().await.map_err(broken)?;
        let total: i64 = count.try_get(0).map_err(broken)?;
        let rows = rows.iter().map(|row| value::read(self.schema, row));
        Ok(Page {
            rows: rows.collect::<Result<_, _>>()?,
            total: u64::try_from(total).unwrap_or_default(),
        })
    }
}

fn order(
    schema: &'static Schema,
    statements: &Statements,
    query: &Query,
) -> Result<String, port::Error> {
    let mut order = Vec::new();
    for (name, direction) in &query.order_by {
        let direction = match direction {
            // As SQLite has it: what is absent is smaller than everything.
            Direction::Ascending => "ASC NULLS FIRST",
            Direction::Descending => "DESC NULLS LAST",
        };
        order.push(format!("{} {direction}", column(schema, name)?.0));
    }
    order.push(statements.identity.clone());
    Ok(order.join(", "))
}

/// A column of the schema, quoted, and its place.
fn column(schema: &'static Schema, name: &str) -> Result<(String, usize), port::Error> {
    if let Some((at, _)) = schema.field(name) {
        return Ok((format!("t.{}", quoted(name)), at));
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
