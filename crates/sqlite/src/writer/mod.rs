//! The writer: one thread per process through which everything is written.
//!
//! Primary jobs go before backfill jobs. All primary jobs that wait share one transaction; a
//! backfill transaction ends when its quantum is over or a primary writer, of any process, waits
//! (L2). Callers hear of a commit after it is durable, and not before.

mod apply;
mod job;
mod queue;
mod state;
mod transaction;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protean_core::Lane;
use protean_core::port;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::bell::Bell;
use crate::error;
use crate::options::Options;
use crate::sql::Catalog;
use crate::turnstile::Turnstile;

pub(crate) use apply::lane_number;
use job::{Batch, Job};
pub(crate) use job::{Results, Task};
use queue::Queue;
use state::QueueIds;
use transaction::write;

/// The most primary jobs that share a transaction: what one flush is worth, and not so much that
/// the first of them waits noticeably for the last.
const PRIMARY_JOBS_MAX: usize = 256;

/// The most backfill jobs that share a transaction; the quantum ends it earlier.
const BACKFILL_JOBS_MAX: usize = 16;

/// The handle through which jobs reach the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Arc<Queue>,
}

/// What the writing thread owns.
struct Thread {
    connection: Connection,
    turnstile: Turnstile,
    catalog: Arc<Catalog>,
    bell: Arc<Bell>,
    queue: Arc<Queue>,
    quantum: Duration,
    queue_ids: QueueIds,
    written: Box<dyn Fn() + Send>,
}

impl Writer {
    /// Starts the thread. `written` is called after every commit.
    pub(crate) fn start(
        connection: Connection,
        locks: &Path,
        options: Options,
        catalog: Arc<Catalog>,
        bell: Arc<Bell>,
        written: impl Fn() + Send + 'static,
    ) -> Result<Self, port::Error> {
        let turnstile =
            Turnstile::open(locks).map_err(|error| error::file("the turnstile", &error))?;
        let queue = Arc::new(Queue::default());
        let thread = Thread {
            connection,
            turnstile,
            catalog,
            bell,
            queue: queue.clone(),
            quantum: options.quantum,
            queue_ids: QueueIds::default(),
            written: Box::new(written),
        };
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| error::file("the writer's thread", &error))?;
        Ok(Self { queue })
    }

    /// Hands a batch of commits to the writer.
    pub(crate) fn commit(
        &self,
        lane: Lane,
        commits: Vec<port::store::Commit>,
    ) -> oneshot::Receiver<Results> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .push(lane, Job::Batch(Batch::new(commits, reply)));
        answer
    }

    /// Runs something else that writes.
    pub(crate) fn run(&self, lane: Lane, task: Task) {
        self.queue.push(lane, Job::Task(task));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Thread {
    fn run(mut self) {
        while let Some(lane) = self.queue.wait() {
            self.serve(lane);
        }
    }

    /// One turn: everything primary that waits, or backfill for a quantum.
    fn serve(&mut self, lane: Lane) {
        let turn = match self.turnstile.enter(lane) {
            Ok(turn) => turn,
            Err(error) => return self.queue.refuse(&error::file("the write lock", &error)),
        };
        let started = Instant::now();
        let (quantum, queue) = (self.quantum, &self.queue);
        let is_over = || {
            lane == Lane::Backfill
                && (started.elapsed() >= quantum
                    || queue.has(Lane::Primary)
                    || turn.primary_waits())
        };
        let jobs_max = match lane {
            Lane::Primary => PRIMARY_JOBS_MAX,
            Lane::Backfill => BACKFILL_JOBS_MAX,
        };
        // Taken only now: what came while the turn was waited for is part of it.
        let mut jobs = queue.take(lane, jobs_max);
        let written = write(
            &self.connection,
            &self.catalog,
            &mut self.queue_ids,
            &mut jobs,
            is_over,
        );
        drop(turn);
        let left = jobs
            .iter()
            .position(|job| !job.is_done())
            .unwrap_or(jobs.len());
        self.queue.put_back(lane, jobs.split_off(left).into_iter());
        jobs.into_iter().for_each(Job::reply);
        self.bell.ring(&written);
        (self.written)();
    }
}
