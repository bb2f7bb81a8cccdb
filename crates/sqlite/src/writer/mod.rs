//! The writer: two threads per process through which everything is written, one for each lane.
//!
//! The turnstile decides which of them, of any process, goes next. All primary jobs that wait share
//! one transaction; a backfill transaction ends when its quantum is over or a primary writer waits
//! (L2). The lanes have threads of their own, so that no primary job waits while the other thread
//! does. A caller whom nobody keeps from it writes a brief primary job itself. Callers hear of a
//! commit after it is durable, and not before.

mod along;
mod apply;
mod job;
mod pace;
mod queue;
mod seat;
mod state;
mod transaction;

use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protean_core::Lane;
use protean_core::governor::Senses;
use protean_core::port;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::bell::Bell;
use crate::checkpoint::Checkpointer;
use crate::error;
use crate::options::{Options, Synchronous};
use crate::sql::Catalog;
use crate::turnstile::Turnstile;

pub(crate) use along::Known;
pub(crate) use apply::lane_number;
use job::{Batch, Job};
pub(crate) use job::{Results, Task};
use queue::Queue;
use seat::Seat;

/// The handle through which jobs reach the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queues: [Arc<Queue>; 2],
    /// Where a caller of the primary lane may write itself.
    primary: Arc<Mutex<Seat>>,
    synchronous: Synchronous,
}

/// What the threads of a writer share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) senses: Arc<Senses>,
    pub(crate) known: Arc<Known>,
}

impl Writer {
    /// Starts the threads, each with a connection of its own.
    pub(crate) fn start(
        connections: [Connection; 2],
        locks: &Path,
        options: Options,
        shared: &Shared,
    ) -> Result<Self, port::Error> {
        let queues = [Arc::new(Queue::default()), Arc::new(Queue::default())];
        let [primary, backfill] = connections;
        let seat = |lane, connection| -> Result<_, port::Error> {
            let turnstile =
                Turnstile::open(locks).map_err(|error| error::file("the turnstile", &error))?;
            Ok(Arc::new(Mutex::new(Seat {
                lane,
                connection,
                turnstile: turnstile.with_patience(options.backfill_patience()),
                queue: queues[lane.index()].clone(),
                primary: queues[Lane::Primary.index()].clone(),
                quantum: options.quantum,
                pace: Cell::default(),
                shared: shared.clone(),
            })))
        };
        let seats = [
            seat(Lane::Primary, primary)?,
            seat(Lane::Backfill, backfill)?,
        ];
        for (lane, seat) in Lane::ALL.into_iter().zip(&seats) {
            let (seat, queue) = (seat.clone(), queues[lane.index()].clone());
            std::thread::Builder::new()
                .name(format!("{lane}-writer"))
                .spawn(move || {
                    while queue.wait() {
                        lock(&seat).serve();
                    }
                })
                .map_err(|error| error::file("the writer's thread", &error))?;
        }
        let [primary, _] = seats;
        Ok(Self {
            queues,
            primary,
            synchronous: options.synchronous,
        })
    }

    /// Has a batch of commits written: here and now when it is brief, on the primary lane, and
    /// nobody is in the way; by the thread of its lane otherwise.
    ///
    /// Waking a thread and being woken by it takes longer than a brief commit does. Whoever comes
    /// meanwhile finds the seat taken, and shares the thread's next transaction.
    pub(crate) fn commit(
        &self,
        lane: Lane,
        commits: Vec<port::store::Commit>,
    ) -> oneshot::Receiver<Results> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Batch(Batch::new(commits, reply));
        let left = match lane {
            Lane::Primary => self.commit_here(job),
            Lane::Backfill => Some(job),
        };
        if let Some(job) = left {
            self.queues[lane.index()].push(job);
        }
        answer
    }

    /// Writes a primary job if that waits for nobody, nor for the disk; gives it back otherwise.
    fn commit_here(&self, job: Job) -> Option<Job> {
        let waits = self.synchronous == Synchronous::Full
            || !job.is_brief()
            || !self.queues[Lane::Primary.index()].is_empty();
        match self.primary.try_lock() {
            Ok(seat) if !waits => seat.serve_here(job),
            _ => Some(job),
        }
    }

    /// Runs something else that writes.
    pub(crate) fn run(&self, lane: Lane, task: Task) {
        self.queues[lane.index()].push(Job::Task(task));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queues.iter().for_each(|queue| queue.close());
    }
}

fn lock(seat: &Mutex<Seat>) -> MutexGuard<'_, Seat> {
    seat.lock().unwrap_or_else(PoisonError::into_inner)
}
