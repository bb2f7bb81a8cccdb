//! Looks at the projections, past the product: one statement for everything that is awaited.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};

/// The looks of one thread. They block it.
pub enum Looks {
    /// At a file.
    Sqlite(Connection),
    /// At a database.
    Postgres(Box<Postgres>),
}

/// A connection that looks, and what it asks.
pub struct Postgres {
    client: Client,
    orders: Statement,
    prices: Statement,
    /// Has a connection that nobody but the calling thread drives.
    runtime: Runtime,
}

const SQLITE_ORDERS: &str =
    "SELECT order_id FROM order_summary WHERE order_id IN (SELECT value FROM json_each(?1))";
const SQLITE_PRICES: &str = "SELECT book_id, CAST(price AS INTEGER) FROM book_catalog
    WHERE book_id IN (SELECT value FROM json_each(?1))";
const POSTGRES_ORDERS: &str =
    "SELECT order_id::text FROM order_summary WHERE order_id = ANY ($1::text[]::uuid[])";
const POSTGRES_PRICES: &str = "SELECT book_id::text, price::bigint FROM book_catalog
    WHERE book_id = ANY ($1::text[]::uuid[])";
const BOOKS: &str = "SELECT count(*) FROM book_catalog";

impl Looks {
    /// At the file in `home`, or at the database with this URI.
    ///
    /// # Errors
    /// When it cannot be opened, or has no such projections yet.
    pub fn open(home: &Path, database_uri: Option<&str>) -> Result<Self> {
        let Some(uri) = database_uri else {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(home.join("bookshelf.db"), flags)?;
            return Ok(Self::Sqlite(connection));
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (client, orders, prices) = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(uri, NoTls).await?;
            tokio::spawn(connection);
            let orders = client.prepare(POSTGRES_ORDERS).await?;
            let prices = client.prepare(POSTGRES_PRICES).await?;
            anyhow::Ok((client, orders, prices))
        })?;
        Ok(Self::Postgres(Box::new(Postgres {
            client,
            orders,
            prices,
            runtime,
        })))
    }

    /// Those of the orders that are there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn orders(&self, ids: &[&str]) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(SQLITE_ORDERS)?;
                let rows = statement.query_map([list(ids)?], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
            Self::Postgres(postgres) => {
                let Postgres { client, orders, .. } = &**postgres;
                let rows = postgres.runtime.block_on(client.query(orders, &[&ids]))?;
                Ok(rows.iter().map(|row| row.get(0)).collect())
            }
        }
    }

    /// What those of the books that are there cost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn prices(&self, ids: &[&str]) -> Result<HashMap<String, i64>> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(SQLITE_PRICES)?;
                let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                let rows = statement.query_map([list(ids)?], pair)?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
            Self::Postgres(postgres) => {
                let Postgres { client, prices, .. } = &**postgres;
                let rows = postgres.runtime.block_on(client.query(prices, &[&ids]))?;
                Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
            }
        }
    }

    /// How many books there are in the catalog. It reads an index to its end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn books(&self) -> Result<u64> {
        let count: i64 = match self {
            Self::Sqlite(connection) => connection.query_row(BOOKS, [], |row| row.get(0))?,
            Self::Postgres(postgres) => {
                let count = postgres.client.query_one(BOOKS, &[]);
                postgres.runtime.block_on(count)?.get(0)
            }
        };
        u64::try_from(count).context("less than no books")
    }
}

fn list(ids: &[&str]) -> Result<String> {
    Ok(serde_json::to_string(ids)?)
}
