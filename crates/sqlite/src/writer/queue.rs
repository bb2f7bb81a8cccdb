//! The jobs that wait for the writer, primary before backfill.
//!
//! Not bounded by itself: callers wait for their answer, so what waits here is bounded by what
//! they have under way, which [`Store`](protean_core::port::Store) callers bound.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use protean_core::{Lane, port};

use super::job::Job;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    lanes: [VecDeque<Job>; 2],
    closed: bool,
}

impl Queue {
    pub(super) fn push(&self, lane: Lane, job: Job) {
        self.lock().lanes[lane.index()].push_back(job);
        self.arrived.notify_one();
    }

    /// Puts jobs back where they were, in their order.
    pub(super) fn put_back(&self, lane: Lane, jobs: impl DoubleEndedIterator<Item = Job>) {
        let mut state = self.lock();
        for job in jobs.rev() {
            state.lanes[lane.index()].push_front(job);
        }
    }

    /// The lane whose job is next; blocks until there is one. `None` when nobody can have one any
    /// more.
    pub(super) fn wait(&self) -> Option<Lane> {
        let mut state = self.lock();
        loop {
            let next = Lane::ALL
                .into_iter()
                .find(|lane| !state.lanes[lane.index()].is_empty());
            if next.is_some() || state.closed {
                return next;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next jobs of a lane, at most so many.
    pub(super) fn take(&self, lane: Lane, count_max: usize) -> Vec<Job> {
        let mut state = self.lock();
        let waiting = &mut state.lanes[lane.index()];
        let count = waiting.len().min(count_max);
        waiting.drain(..count).collect()
    }

    pub(super) fn has(&self, lane: Lane) -> bool {
        !self.lock().lanes[lane.index()].is_empty()
    }

    /// Refuses everything that waits.
    pub(super) fn refuse(&self, error: &port::Error) {
        for lane in Lane::ALL {
            for mut job in self.take(lane, usize::MAX) {
                job.refuse(error);
                job.reply();
            }
        }
    }

    /// What waits is still written; nothing can come after it.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
