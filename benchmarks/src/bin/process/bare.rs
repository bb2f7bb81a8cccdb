//! The limit: a commit of one row, on a connection of its own, in the database of the shop.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::Connection;
use tokio_postgres::{Client, NoTls, Statement};

use crate::Synchronous;

/// As much as the message of an order has.
const DATA: &str = r#"{"order_id":"0193","customer_name":"Ada","book_title":"Dune","quantity":2,"unit_price_amount":"9.99"}"#;

const CREATE: &str = "CREATE TABLE bare (id text PRIMARY KEY, data text NOT NULL)";

/// Who commits.
pub(crate) enum Bare {
    /// To the file, with the settings that the product uses.
    Sqlite(Mutex<Connection>),
    /// To the server, which makes it durable.
    Postgres(Client, Statement),
}

impl Bare {
    pub(crate) async fn open(
        home: &Path,
        uri: Option<&str>,
        synchronous: Synchronous,
    ) -> Result<Self> {
        let Some(uri) = uri else {
            let connection = Connection::open(home.join("bookshelf.db"))?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", synchronous.name())?;
            connection.execute_batch(CREATE)?;
            return Ok(Self::Sqlite(Mutex::new(connection)));
        };
        let (client, connection) = tokio_postgres::connect(uri, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(CREATE).await?;
        let insert = client.prepare("INSERT INTO bare VALUES ($1, $2)").await?;
        Ok(Self::Postgres(client, insert))
    }

    /// How long one commit takes.
    pub(crate) async fn commit(&self, id: String) -> Result<Duration> {
        let started = Instant::now();
        match self {
            Self::Sqlite(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                connection
                    .prepare_cached("INSERT INTO bare VALUES (?1, ?2)")?
                    .execute([id.as_str(), DATA])?;
            }
            Self::Postgres(client, insert) => {
                client.execute(insert, &[&id, &DATA]).await?;
            }
        }
        Ok(started.elapsed())
    }
}
