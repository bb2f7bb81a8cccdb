//! What is seen of a schedule: its trace, what is running where, and the first promise broken.

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crate::clock::Owner;
use crate::invariants::Invariant;
use crate::message::MessageId;

/// Steps of a trace that are kept.
const TRACE_MAX: usize = 200;

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub what: String,
    /// When, in simulated time.
    pub at: Duration,
}

/// A message in the hands of a handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy {
    pub(crate) owner: Owner,
    pub(crate) subscription: usize,
    pub(crate) queue: u64,
    pub(crate) key: &'static str,
    pub(crate) id: MessageId,
}

/// What is seen of a schedule.
#[derive(Default)]
pub(crate) struct Watch {
    now: Cell<Duration>,
    traced: bool,
    trace: RefCell<VecDeque<String>>,
    violation: RefCell<Option<Violation>>,
    /// Keyed messages in the hands of handlers.
    pub(crate) busy: RefCell<Vec<Busy>>,
    /// Lives of processes that others had reason to believe dead.
    doubted: RefCell<HashSet<Owner>>,
    lossy: Cell<bool>,
    /// What somebody published once more: two processes may each be handed one of the two.
    doubled: RefCell<HashSet<MessageId>>,
    /// What some process was refused, since somebody else had settled it.
    refused: RefCell<HashSet<(usize, MessageId)>>,
    unsettled: Cell<i64>,
    accepted: Cell<usize>,
}

impl Watch {
    pub(crate) fn new(traced: bool) -> Self {
        Self {
            traced,
            ..Self::default()
        }
    }

    pub(crate) fn tick(&self, now: Duration) {
        self.now.set(now);
    }

    /// Notes a step, if anybody wants to know.
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        if !self.traced {
            return;
        }
        let mut trace = self.trace.borrow_mut();
        if trace.len() == TRACE_MAX {
            trace.pop_front();
        }
        let ms = self.now.get().as_secs_f64() * 1_000.0;
        trace.push_back(format!("{ms:10.3} ms  {}", what()));
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.borrow().iter().cloned().collect()
    }

    /// A promise is broken, unless it holds.
    pub(crate) fn check(&self, invariant: Invariant, holds: bool, what: impl FnOnce() -> String) {
        if holds || self.violation.borrow().is_some() {
            return;
        }
        *self.violation.borrow_mut() = Some(Violation {
            invariant,
            what: what(),
            at: self.now.get(),
        });
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation.borrow().clone()
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.violation.borrow().is_some()
    }

    /// A message was accepted that so many subscriptions have to handle.
    pub(crate) fn accepted(&self, readers: usize) {
        self.accepted.set(self.accepted.get() + 1);
        self.unsettled
            .set(self.unsettled.get() + i64::try_from(readers).unwrap_or(i64::MAX));
    }

    /// A subscription is done with a message.
    pub(crate) fn over(&self) {
        self.unsettled.set(self.unsettled.get() - 1);
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.unsettled.get() <= 0
    }

    pub(crate) fn accepted_count(&self) -> usize {
        self.accepted.get()
    }

    /// Others may take over from it though it lives.
    pub(crate) fn doubt(&self, owner: Owner) {
        self.doubted.borrow_mut().insert(owner);
    }

    /// The broker has lost data: what it hands out from now on somebody may have.
    pub(crate) fn doubt_everybody(&self) {
        self.lossy.set(true);
    }

    pub(crate) fn is_doubted(&self, owner: Owner) -> bool {
        self.lossy.get() || self.doubted.borrow().contains(&owner)
    }

    /// Somebody published a message that was published before.
    pub(crate) fn double(&self, id: MessageId) {
        self.doubled.borrow_mut().insert(id);
    }

    pub(crate) fn is_doubled(&self, id: MessageId) -> bool {
        self.doubled.borrow().contains(&id)
    }

    /// A process ran a message that somebody else had settled, and takes it for done.
    pub(crate) fn refuse(&self, subscription: usize, id: MessageId) {
        self.refused.borrow_mut().insert((subscription, id));
    }

    pub(crate) fn was_refused(&self, subscription: usize, id: MessageId) -> bool {
        self.refused.borrow().contains(&(subscription, id))
    }

    /// A process is gone.
    pub(crate) fn gone(&self, owner: Owner) {
        self.busy.borrow_mut().retain(|one| one.owner != owner);
    }
}
