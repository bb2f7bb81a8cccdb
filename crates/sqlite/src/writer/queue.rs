//! The jobs of one lane that wait for its writer.
//!
//! Not bounded by itself: callers wait for their answer, so what waits here is bounded by what
//! they have under way, which [`Store`](protean_core::port::Store) callers bound.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use protean_core::port;

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
    waiting: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(super) fn push(&self, job: Job) {
        self.lock().waiting.push_back(job);
        self.arrived.notify_one();
    }

    /// Puts jobs back where they were, in their order.
    pub(super) fn put_back(&self, jobs: impl DoubleEndedIterator<Item = Job>) {
        let mut state = self.lock();
        for job in jobs.rev() {
            state.waiting.push_front(job);
        }
    }

    /// Blocks until there is a job; `false` when nobody can have one any more.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// The next jobs, at most so many.
    pub(super) fn take(&self, count_max: usize) -> Vec<Job> {
        let mut state = self.lock();
        let count = state.waiting.len().min(count_max);
        state.waiting.drain(..count).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// Refuses everything that waits.
    pub(super) fn refuse(&self, error: &port::Error) {
        for mut job in self.take(usize::MAX) {
            job.refuse(error);
            job.reply();
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
