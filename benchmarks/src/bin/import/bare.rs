//! The limit: the rows of the file in one table, with nothing around them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::{Connection, params};
use tokio_postgres::NoTls;

/// Rows in one transaction: as many as the importer puts into one chunk.
const BATCH_ROWS: usize = 500;

/// The rows of the file in one table, with the settings that the product uses.
pub(crate) fn sqlite(catalog: &Path, database: &Path) -> Result<Duration> {
    let started = Instant::now();
    let connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE book (id TEXT PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL,
            isbn TEXT, price NUMERIC NOT NULL, description TEXT, version INTEGER NOT NULL)",
    )?;
    let mut reader = csv::Reader::from_path(catalog)?;
    let mut records = reader.records();
    loop {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert =
            connection.prepare_cached("INSERT INTO book VALUES (?1, ?2, ?3, ?4, ?5, NULL, 0)")?;
        let mut written = 0;
        for record in records.by_ref().take(BATCH_ROWS) {
            let record = record?;
            let id = bookshelf::book::BookId::new().to_string();
            insert.execute(params![id, &record[0], &record[1], &record[2], &record[3]])?;
            written += 1;
        }
        connection.execute_batch("COMMIT")?;
        if written == 0 {
            return Ok(started.elapsed());
        }
    }
}

/// The same in PostgreSQL: one statement with one array per column for each transaction.
pub(crate) fn postgres(catalog: &Path, uri: &str) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(uri, NoTls).await?;
        tokio::spawn(connection);
        let started = Instant::now();
        client
            .batch_execute(
                "CREATE TABLE bare (id text PRIMARY KEY, title text NOT NULL, author text NOT NULL,
                    isbn text, price numeric NOT NULL, version bigint NOT NULL)",
            )
            .await?;
        let insert = client
            .prepare(
                "INSERT INTO bare SELECT u.id, u.title, u.author, u.isbn, u.price::numeric, 0
                 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                     AS u(id, title, author, isbn, price)",
            )
            .await?;
        let mut reader = csv::Reader::from_path(catalog)?;
        let mut records = reader.records();
        loop {
            let mut columns: [Vec<String>; 5] = Default::default();
            for record in records.by_ref().take(BATCH_ROWS) {
                let record = record?;
                columns[0].push(bookshelf::book::BookId::new().to_string());
                for (nth, column) in columns[1..].iter_mut().enumerate() {
                    column.push(record.get(nth).context("too few columns")?.to_owned());
                }
            }
            if columns[0].is_empty() {
                return Ok(started.elapsed());
            }
            let [id, title, author, isbn, price] = &columns;
            client
                .execute(&insert, &[id, title, author, isbn, price])
                .await?;
        }
    })
}
