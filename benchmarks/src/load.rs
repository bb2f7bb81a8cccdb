//! Sends requests when they are due, whatever became of those before them.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bookshelf::demo::client::{Answer, Client, ORDER};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::schedule::{Due, Schedule};
use crate::watch::{Awaited, PATIENCE, Sign};

/// Requests on their way at the same time: what a process may have of open files. Those beyond it
/// wait, and their time runs.
const REQUESTS_MAX: usize = 512;

/// Requests that are due and not taken up yet.
const DUE_MAX: usize = 1_024;

/// Errors that are told; there is no need to see more.
const TOLD_MAX: usize = 5;

/// One request in so many changes a price; the others place orders.
const PRICE_CHANGE_EVERY: u64 = 5;

/// What a price is at least, so that it is none that a book had before.
const PRICE_BASE: u64 = 1_000;

/// Who sends.
#[derive(Debug)]
pub struct Load {
    client: Client,
    /// Books whose prices may change.
    books: Vec<String>,
    /// Who looks when it can be seen.
    accepted: SyncSender<Awaited>,
    in_flight: Semaphore,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Answered {
    /// From the instant at which it was due to the answer.
    pub times: Vec<Duration>,
    /// From the instant at which it was due to the one at which it was taken up: what the
    /// benchmark itself adds.
    pub late: Vec<Duration>,
    /// Requests that were not accepted.
    pub errors: u64,
    /// Why, of some.
    pub told: Vec<String>,
}

/// What became of one request.
struct Outcome {
    counts: bool,
    late: Duration,
    answered: Result<Duration>,
}

impl Load {
    /// One who changes prices of these books now and then, if there are any, and orders otherwise.
    #[must_use]
    pub fn new(client: Client, books: Vec<String>, accepted: SyncSender<Awaited>) -> Self {
        Self {
            client,
            books,
            accepted,
            in_flight: Semaphore::new(REQUESTS_MAX),
        }
    }

    /// Sends all requests of a schedule that starts at `start`; returns when all are answered.
    ///
    /// # Errors
    /// When a task of the benchmark fails; a request that fails is counted.
    ///
    /// # Cancel safety
    /// Dropping the future ends all requests.
    pub async fn run(self, schedule: Schedule, start: Instant) -> Result<Answered> {
        let load = Arc::new(self);
        let (sender, mut due) = mpsc::channel(DUE_MAX);
        let pace = std::thread::spawn(move || {
            schedule.pace(start, |one, _| sender.blocking_send(one).is_ok());
        });
        let mut requests = JoinSet::new();
        let mut answered = Answered::default();
        while let Some(one) = due.recv().await {
            let load = load.clone();
            requests.spawn(async move { load.request(one, start + one.at).await });
            while let Some(done) = requests.try_join_next() {
                answered.add(done?);
            }
        }
        while let Some(done) = requests.join_next().await {
            answered.add(done?);
        }
        if let Err(panic) = pace.join() {
            std::panic::resume_unwind(panic);
        }
        Ok(answered)
    }

    async fn request(&self, one: Due, due: Instant) -> Outcome {
        let late = due.elapsed();
        let waited = tokio::time::timeout(PATIENCE, self.send(one)).await;
        let answered = due.elapsed();
        let sign = waited.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in {PATIENCE:?}")));
        let counts = one.counts;
        let sent = sign.and_then(|sign| {
            let awaited = Awaited { due, counts, sign };
            // Whoever waited for the watch would hold up all other requests.
            self.accepted
                .try_send(awaited)
                .context("the watch has ended, or does not keep up")
        });
        Outcome {
            counts,
            late,
            answered: sent.map(|()| answered),
        }
    }

    /// Sends one request; returns how it will be seen that it took effect.
    async fn send(&self, one: Due) -> Result<Sign> {
        let _permit = self.in_flight.acquire().await?;
        let mut connection = self.client.connect().await?;
        let changes = one.nth.is_multiple_of(PRICE_CHANGE_EVERY) && !self.books.is_empty();
        let sign = if changes {
            let nth = usize::try_from(one.nth / PRICE_CHANGE_EVERY)? % self.books.len();
            let (book, price) = (&self.books[nth], PRICE_BASE + one.nth);
            let body = format!(r#"{{"price_amount":"{price}"}}"#);
            let answer = connection
                .put(&format!("/books/{book}/price"), body)
                .await?;
            Sign::Price(answer.accepted("book_id")?, i64::try_from(price)?)
        } else {
            let answer: Answer = connection.post("/orders", ORDER).await?;
            Sign::Order(answer.accepted("order_id")?)
        };
        self.client.keep(connection);
        Ok(sign)
    }
}

impl Answered {
    fn add(&mut self, outcome: Outcome) {
        match outcome.answered {
            Err(error) => {
                self.errors += 1;
                if self.told.len() < TOLD_MAX {
                    self.told.push(format!("{error:#}"));
                }
            }
            Ok(time) if outcome.counts => {
                self.times.push(time);
                self.late.push(outcome.late);
            }
            Ok(_) => {}
        }
    }
}
