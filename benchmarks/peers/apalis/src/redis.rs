//! Jobs in Redis, where apalis knows no priorities: orders have a queue and a worker of their own.

use std::time::Duration;

use anyhow::Result;
use apalis::prelude::*;
use apalis_redis::{Config, RedisStorage, connect};
use sqlx::PgPool;

use crate::job::{AddBook, PlaceOrder, database};
use crate::{BATCH, Jobs, server};

/// Between two looks at a queue that was empty. In this version every job is put among those that
/// are due later, of which Redis tells nobody, and what a look finds there has to be little.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Where jobs are added.
pub(crate) struct Queues {
    books: RedisStorage<AddBook>,
    orders: RedisStorage<PlaceOrder>,
}

/// Runs the jobs.
pub(crate) async fn work() -> Result<()> {
    let pool = database().await?;
    let queues = Queues::open().await?;
    let books = WorkerBuilder::new("books")
        .backend(queues.books.poll_with_interval(POLL_INTERVAL))
        .data(pool.clone())
        .parallelize(tokio::spawn)
        .build(add_book);
    let orders = WorkerBuilder::new("orders")
        .backend(queues.orders.poll_with_interval(POLL_INTERVAL))
        .data(pool)
        .parallelize(tokio::spawn)
        .build(place_order);
    println!("ready");
    tokio::try_join!(books.run(), orders.run())?;
    Ok(())
}

fn config(queue: &str) -> Config {
    Config::default()
        .queue(queue)
        .batch_size(BATCH)
        .lock_tasks(false)
}

async fn add_book(job: AddBook, pool: Data<PgPool>) -> Result<(), BoxDynError> {
    Ok(job.run(&pool).await?)
}

async fn place_order(job: PlaceOrder, pool: Data<PgPool>) -> Result<(), BoxDynError> {
    Ok(job.run(&pool).await?)
}

impl Queues {
    pub(crate) async fn open() -> Result<Self> {
        let connection = connect(server("REDIS_URL")?).await?;
        Ok(Self {
            books: RedisStorage::new(connection.clone()).with_config(config("books")),
            orders: RedisStorage::new(connection).with_config(config("orders")),
        })
    }
}

impl Jobs for Queues {
    async fn add_books(&mut self, books: Vec<AddBook>) -> Result<()> {
        Ok(self.books.push_bulk(books).await?)
    }

    async fn place_order(&mut self, order: PlaceOrder) -> Result<()> {
        Ok(self.orders.push(order).await?)
    }
}
