//! The writer: two threads per process through which everything is written, one for each lane.
//!
//! The turnstile decides which of them, of any process, goes next. All primary jobs that wait share
//! one transaction; a backfill transaction ends when its quantum is over or a primary writer waits
//! (L2). The lanes have threads of their own, so that no primary job waits while the other thread
//! does. Callers hear of a commit after it is durable, and not before.

mod apply;
mod job;
mod pace;
mod queue;
mod state;
mod transaction;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protean_core::Lane;
use protean_core::governor::Senses;
use protean_core::port;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::bell::Bell;
use crate::checkpoint::Checkpointer;
use crate::error;
use crate::options::Options;
use crate::sql::Catalog;
use crate::turnstile::{Turn, Turnstile};

pub(crate) use apply::lane_number;
use job::{Batch, Job};
pub(crate) use job::{Results, Task};
use pace::Pace;
use queue::Queue;
use transaction::write;

/// The most primary jobs that share a transaction: what one flush is worth, and not so much that
/// the first of them waits noticeably for the last.
const PRIMARY_JOBS_MAX: usize = 256;

/// The most backfill jobs that share a transaction; the quantum ends it earlier.
const BACKFILL_JOBS_MAX: usize = 16;

/// While primary work is about, a backfill turn is this part of a quantum: whoever wants the lock,
/// or the processor that the writer is on, finds it free sooner.
const QUANTUM_PARTS: u32 = 8;

/// A turn is slow when it takes more quanta than this: one to write, one to commit.
const SLOW_TURN_QUANTA: u32 = 2;

/// The handle through which jobs reach the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    queues: [Arc<Queue>; 2],
}

/// What the threads of a writer share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) senses: Arc<Senses>,
}

/// What a writing thread owns.
struct Thread {
    lane: Lane,
    connection: Connection,
    turnstile: Turnstile,
    queue: Arc<Queue>,
    /// The jobs that go before those of the backfill lane.
    primary: Arc<Queue>,
    quantum: Duration,
    pace: Pace,
    shared: Shared,
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
        for (lane, connection) in Lane::ALL.into_iter().zip(connections) {
            let turnstile =
                Turnstile::open(locks).map_err(|error| error::file("the turnstile", &error))?;
            let turnstile = turnstile.with_patience(options.backfill_patience);
            let thread = Thread {
                lane,
                connection,
                turnstile,
                queue: queues[lane.index()].clone(),
                primary: queues[Lane::Primary.index()].clone(),
                quantum: options.quantum,
                pace: Pace::default(),
                shared: shared.clone(),
            };
            std::thread::Builder::new()
                .name(format!("{lane}-writer"))
                .spawn(move || thread.run())
                .map_err(|error| error::file("the writer's thread", &error))?;
        }
        Ok(Self { queues })
    }

    /// Hands a batch of commits to the writer.
    pub(crate) fn commit(
        &self,
        lane: Lane,
        commits: Vec<port::store::Commit>,
    ) -> oneshot::Receiver<Results> {
        let (reply, answer) = oneshot::channel();
        self.queues[lane.index()].push(Job::Batch(Batch::new(commits, reply)));
        answer
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

impl Thread {
    fn run(mut self) {
        while self.queue.wait() {
            self.serve();
        }
    }

    /// One turn: everything primary that waits, or backfill for a quantum.
    fn serve(&mut self) {
        let lane = self.lane;
        let asked = Instant::now();
        let turn = match self.turnstile.enter(lane) {
            Ok(turn) => turn,
            Err(error) => return self.queue.refuse(&error::file("the write lock", &error)),
        };
        let started = Instant::now();
        let primary = &self.primary;
        let budget = self.budget(&turn);
        let last_look = Cell::new(Duration::ZERO);
        let is_over = || {
            last_look.set(started.elapsed());
            budget.is_some_and(|budget| {
                last_look.get() >= budget || !primary.is_empty() || turn.primary_waits()
            })
        };
        let jobs_max = match lane {
            Lane::Primary => PRIMARY_JOBS_MAX,
            Lane::Backfill => BACKFILL_JOBS_MAX,
        };
        // Taken only now: what came while the turn was waited for is part of it.
        let mut jobs = self.queue.take(jobs_max);
        let written = write(&self.connection, &self.shared.catalog, &mut jobs, is_over);
        if lane == Lane::Primary {
            self.feel(&turn, &jobs);
        }
        drop(turn);
        if lane == Lane::Backfill {
            self.pace.learn(last_look.get(), started.elapsed());
        }
        self.tell_slow_turn(started - asked, started.elapsed());
        let left = jobs
            .iter()
            .position(|job| !job.is_done())
            .unwrap_or(jobs.len());
        self.queue.put_back(jobs.split_off(left).into_iter());
        jobs.into_iter().for_each(Job::reply);
        self.shared.bell.ring(&written);
        self.shared.checkpointer.written();
    }

    /// Judges what the commits of a primary turn took, and tells those who do backfill work.
    fn feel(&self, turn: &Turn<'_>, jobs: &[Job]) {
        let senses = &self.shared.senses;
        let mut commits = jobs.iter().filter_map(Job::commit_asked).peekable();
        if commits.peek().is_none() {
            return;
        }
        turn.tell_of_primary(|surroundings| {
            senses.surround(surroundings);
            commits.for_each(|asked| senses.commit(asked.elapsed()));
            senses.take()
        });
    }

    /// How long a backfill turn may write; a primary one writes all that waits.
    fn budget(&self, turn: &Turn<'_>) -> Option<Duration> {
        if self.lane == Lane::Primary {
            return None;
        }
        let quantum = match turn.primary_is_about() {
            true => self.quantum / QUANTUM_PARTS,
            false => self.quantum,
        };
        Some(self.pace.budget(quantum))
    }

    /// A turn that took long is worth a word: somebody waited for it.
    fn tell_slow_turn(&self, waited: Duration, held: Duration) {
        let lane = self.lane;
        let bound = self.quantum * SLOW_TURN_QUANTA;
        if held > bound || lane == Lane::Primary && waited > bound {
            tracing::debug!(%lane, ?waited, ?held, "slow turn");
        }
    }
}
