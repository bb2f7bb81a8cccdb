//! Where a lane's writing is done: by one at a time, who has everything for it.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protean_core::Lane;
use rusqlite::Connection;

use super::Shared;
use super::job::Job;
use super::pace::Pace;
use super::queue::Queue;
use super::transaction::{begin_at_once, write};
use crate::error;
use crate::turnstile::{Turn, Turnstile};

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

/// What whoever writes for a lane needs.
pub(super) struct Seat {
    pub(super) lane: Lane,
    pub(super) connection: Connection,
    pub(super) turnstile: Turnstile,
    pub(super) queue: Arc<Queue>,
    /// The jobs that go before those of the backfill lane.
    pub(super) primary: Arc<Queue>,
    pub(super) quantum: Duration,
    pub(super) pace: Cell<Pace>,
    pub(super) shared: Shared,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl Seat {
    /// One turn: everything primary that waits, or backfill for a quantum. Blocks the thread until
    /// it may.
    pub(super) fn serve(&self) {
        let asked = Instant::now();
        let turn = match self.turnstile.enter(self.lane) {
            Ok(turn) => turn,
            Err(error) => return self.queue.refuse(&error::file("the write lock", &error)),
        };
        let waited = asked.elapsed();
        let jobs_max = match self.lane {
            Lane::Primary => PRIMARY_JOBS_MAX,
            Lane::Backfill => BACKFILL_JOBS_MAX,
        };
        // Taken only now: what came while the turn was waited for is part of it.
        let jobs = self.queue.take(jobs_max);
        self.work(turn, jobs, waited);
    }

    /// A turn for this primary job, if that can be had without waiting for anybody; otherwise the
    /// job is given back.
    pub(super) fn serve_here(&self, job: Job) -> Option<Job> {
        // Troubles with the lock are told by whoever waits for it.
        let Ok(Some(turn)) = self.turnstile.enter_at_once() else {
            return Some(job);
        };
        if !matches!(begin_at_once(&self.connection), Ok(true)) {
            return Some(job);
        }
        self.work(turn, vec![job], Duration::ZERO);
        None
    }

    /// Writes jobs in a turn, as many as it has room for, and tells everybody; the others are put
    /// back.
    fn work(&self, turn: Turn<'_>, mut jobs: Vec<Job>, waited: Duration) {
        let started = Instant::now();
        let budget = self.budget(&turn);
        let last_look = Cell::new(Duration::ZERO);
        let is_over = || {
            last_look.set(started.elapsed());
            budget.is_some_and(|budget| {
                last_look.get() >= budget || !self.primary.is_empty() || turn.primary_waits()
            })
        };
        let written = write(&self.connection, &self.shared, &mut jobs, is_over);
        let held = started.elapsed();
        let left = jobs
            .iter()
            .position(|job| !job.is_done())
            .unwrap_or(jobs.len());
        self.queue.put_back(jobs.split_off(left).into_iter());
        let took = jobs.iter().filter_map(Job::commit_asked);
        let took: Vec<Duration> = took.map(|asked| asked.elapsed()).collect();
        let turn = match self.lane {
            Lane::Primary => Some(turn),
            Lane::Backfill => {
                drop(turn);
                let mut pace = self.pace.get();
                pace.learn(last_look.get(), held);
                self.pace.set(pace);
                None
            }
        };
        // Who waits for it hears of it before anything is noted about it.
        jobs.into_iter().for_each(Job::reply);
        self.shared.bell.ring(&written);
        if let Some(turn) = turn {
            self.feel(&turn, &took);
        }
        self.tell_slow_turn(waited, started.elapsed());
        self.shared.checkpointer.written();
    }

    /// Judges what the commits of a primary turn took, and tells those who do backfill work.
    fn feel(&self, turn: &Turn<'_>, took: &[Duration]) {
        if took.is_empty() {
            return;
        }
        let senses = &self.shared.senses;
        turn.tell_of_primary(|surroundings| {
            senses.surround(surroundings);
            took.iter().for_each(|took| senses.commit(*took));
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
        Some(self.pace.get().budget(quantum))
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
