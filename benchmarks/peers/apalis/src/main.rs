//! The bookshop as apalis jobs: one inserts a book, one inserts an order.
//!
//! `apalis-peer postgres|redis setup|worker|submit|enqueue CATALOG`

mod job;
mod postgres;
mod redis;

use std::path::Path;

use anyhow::{Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use job::{AddBook, PlaceOrder};

/// Jobs that one call adds.
const CHUNK: usize = 500;

/// Jobs that a worker fetches at once, as in the examples of apalis.
const BATCH: usize = 100;

/// Where jobs are added.
trait Jobs {
    /// Adds many that can wait.
    async fn add_books(&mut self, books: Vec<AddBook>) -> Result<()>;
    /// Adds one that is urgent.
    async fn place_order(&mut self, order: PlaceOrder) -> Result<()>;
}

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["postgres", "setup"] => postgres::setup().await,
        ["redis", "setup"] => Ok(()),
        ["postgres", "worker"] => postgres::work().await,
        ["redis", "worker"] => redis::work().await,
        ["postgres", "submit"] => submit(postgres::Queue::open().await?).await,
        ["redis", "submit"] => submit(redis::Queues::open().await?).await,
        ["postgres", "enqueue", file] => enqueue(postgres::Queue::open().await?, file).await,
        ["redis", "enqueue", file] => enqueue(redis::Queues::open().await?, file).await,
        _ => bail!("expected `postgres|redis setup|worker|submit|enqueue CATALOG`"),
    }
}

/// Adds a job for every row of a catalog.
async fn enqueue(mut jobs: impl Jobs, catalog: impl AsRef<Path>) -> Result<()> {
    let mut reader = csv::Reader::from_path(catalog)?;
    let mut rows = reader.deserialize();
    loop {
        let books: Vec<AddBook> = rows.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        if books.is_empty() {
            return Ok(());
        }
        jobs.add_books(books).await?;
    }
}

/// Adds an urgent job for every line, which is the identity of an order.
async fn submit(mut jobs: impl Jobs) -> Result<()> {
    println!("ready");
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        jobs.place_order(PlaceOrder::new(line.parse()?)).await?;
    }
    Ok(())
}

/// The value of a variable that says where a server is.
fn server(variable: &str) -> Result<String> {
    std::env::var(variable).map_err(|why| anyhow::anyhow!("expected {variable}: {why}"))
}
