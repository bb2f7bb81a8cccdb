//! Jobs in PostgreSQL: one queue, from which those of high priority are fetched first.

use anyhow::Result;
use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage};
use futures::stream;
use serde::{Deserialize, Serialize};

use crate::job::{AddBook, PlaceOrder, database};
use crate::{BATCH, Jobs};

/// Greater is fetched first.
const BULK: usize = 0;
const URGENT: usize = 10;

/// A job of the queue.
#[derive(Debug, Serialize, Deserialize)]
enum Job {
    AddBook(AddBook),
    PlaceOrder(PlaceOrder),
}

/// Where jobs are added.
pub(crate) struct Queue(PostgresStorage<Job>);

/// Makes the tables of apalis.
pub(crate) async fn setup() -> Result<()> {
    Ok(PostgresStorage::setup(&database().await?).await?)
}

/// Runs the jobs.
pub(crate) async fn work() -> Result<()> {
    let pool = database().await?;
    let backend = PostgresStorage::<Job>::new(&pool)
        .with_config(config())
        .with_pubsub();
    let worker = WorkerBuilder::new("shop")
        .backend(backend)
        .data(pool)
        .parallelize(tokio::spawn)
        .build(handle);
    println!("ready");
    Ok(worker.run().await?)
}

/// As in the examples of apalis.
fn config() -> Config {
    Config::default()
        .queue("shop")
        .batch_size(BATCH)
        .lock_tasks(false)
}

async fn handle(job: Job, pool: Data<PgPool>) -> Result<(), BoxDynError> {
    match job {
        Job::AddBook(job) => job.run(&pool).await?,
        Job::PlaceOrder(job) => job.run(&pool).await?,
    }
    Ok(())
}

impl Queue {
    pub(crate) async fn open() -> Result<Self> {
        let pool = database().await?;
        Ok(Self(PostgresStorage::new(&pool).with_config(config())))
    }
}

impl Jobs for Queue {
    async fn add_books(&mut self, books: Vec<AddBook>) -> Result<()> {
        let task = |book| {
            let job = Job::AddBook(book);
            TaskBuilder::new(job).priority(BULK).build()
        };
        Ok(self
            .0
            .push_all(stream::iter(books.into_iter().map(task)))
            .await?)
    }

    async fn place_order(&mut self, order: PlaceOrder) -> Result<()> {
        let job = Job::PlaceOrder(order);
        let task = TaskBuilder::new(job).priority(URGENT).build();
        Ok(self.0.push_task(task).await?)
    }
}
