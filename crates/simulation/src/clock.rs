//! Simulated time, and the tasks that live in it.
//!
//! A task is a future, and every wait is an event in one queue: the next event's task is run, and
//! time is when that event is. Events of the same moment come in an order that the seed decides. A
//! process that is killed is its tasks dropped; one that hangs has its events held back.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::random::Random;

/// Whose task it is: one life of a process, or 0 for the world around them.
pub(crate) type Owner = usize;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// How late a task may hear of what it waits for.
const HEARD_MAX: Duration = Duration::from_micros(40);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Duration,
    /// Decides between events of the same moment.
    tie: u64,
    task: usize,
}

struct Slot {
    owner: Owner,
    task: Option<Task>,
}

/// Simulated time.
pub(crate) struct Clock {
    now: Cell<Duration>,
    steps: Cell<u64>,
    events: RefCell<BinaryHeap<Reverse<Event>>>,
    slots: RefCell<Vec<Slot>>,
    current: Cell<usize>,
    hanging: RefCell<Vec<(Owner, Duration)>>,
    random: Random,
}

impl Clock {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Cell::new(Duration::ZERO),
            steps: Cell::new(0),
            events: RefCell::default(),
            slots: RefCell::default(),
            current: Cell::new(0),
            hanging: RefCell::default(),
            random: Random::new(seed),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.now.get()
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// Starts a task.
    pub(crate) fn spawn(&self, owner: Owner, task: impl Future<Output = ()> + 'static) {
        let mut slots = self.slots.borrow_mut();
        slots.push(Slot {
            owner,
            task: Some(Box::pin(task)),
        });
        let nth = slots.len() - 1;
        drop(slots);
        self.wake_at(nth, self.now());
    }

    /// Drops all tasks of an owner, in the middle of whatever they do.
    pub(crate) fn kill(&self, owner: Owner) {
        let mut killed = Vec::new();
        for slot in self.slots.borrow_mut().iter_mut() {
            if slot.owner == owner {
                killed.extend(slot.task.take());
            }
        }
        drop(killed);
    }

    /// Nothing of an owner happens before then.
    pub(crate) fn hang(&self, owner: Owner, until: Duration) {
        self.hanging.borrow_mut().push((owner, until));
    }

    /// Lets the next thing happen; `false` when there is nothing.
    pub(crate) fn step(&self) -> bool {
        let Some(Reverse(event)) = self.events.borrow_mut().pop() else {
            return false;
        };
        self.now.set(self.now().max(event.at));
        let Some((owner, mut task)) = self.take(event.task) else {
            return true;
        };
        self.hanging
            .borrow_mut()
            .retain(|(_, until)| *until > event.at);
        let hangs = self
            .hanging
            .borrow()
            .iter()
            .find(|one| one.0 == owner)
            .copied();
        if let Some((_, until)) = hangs {
            self.put_back(event.task, task);
            self.wake_at(event.task, until);
            return true;
        }
        self.steps.set(self.steps() + 1);
        self.current.set(event.task);
        let mut context = Context::from_waker(Waker::noop());
        if task.as_mut().poll(&mut context).is_pending() {
            self.put_back(event.task, task);
        }
        true
    }

    fn take(&self, nth: usize) -> Option<(Owner, Task)> {
        let slot = &mut self.slots.borrow_mut()[nth];
        Some((slot.owner, slot.task.take()?))
    }

    fn put_back(&self, nth: usize, task: Task) {
        self.slots.borrow_mut()[nth].task = Some(task);
    }

    fn wake_at(&self, task: usize, at: Duration) {
        let tie = self.random.next();
        self.events
            .borrow_mut()
            .push(Reverse(Event { at, tie, task }));
    }

    /// Waits.
    pub(crate) async fn sleep(&self, pause: Duration) {
        self.sleep_until(self.now() + pause).await;
    }

    async fn sleep_until(&self, until: Duration) {
        let mut asked = false;
        poll_fn(|_| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            if !asked {
                asked = true;
                self.wake_at(self.current.get(), until);
            }
            Poll::Pending
        })
        .await;
    }
}

/// Where one task waits for what others put in.
pub(crate) struct Mailbox<T> {
    letters: RefCell<VecDeque<T>>,
    waiter: Cell<Option<usize>>,
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            letters: RefCell::default(),
            waiter: Cell::new(None),
        })
    }

    pub(crate) fn send(&self, clock: &Clock, letter: T) {
        self.letters.borrow_mut().push_back(letter);
        self.poke(clock);
    }

    /// Wakes whoever waits here.
    pub(crate) fn poke(&self, clock: &Clock) {
        if let Some(task) = self.waiter.take() {
            let late = clock.random.stretch(Duration::ZERO, HEARD_MAX);
            clock.wake_at(task, clock.now() + late);
        }
    }

    pub(crate) fn try_recv(&self) -> Option<T> {
        self.letters.borrow_mut().pop_front()
    }

    /// Waits until there is something, somebody pokes, or it is time.
    pub(crate) async fn wait(&self, clock: &Clock, until: Option<Duration>) {
        let mut polled = false;
        poll_fn(|_| {
            let over = until.is_some_and(|until| clock.now() >= until);
            let poked = polled && self.waiter.get().is_none();
            if over || poked || !self.letters.borrow().is_empty() {
                self.waiter.set(None);
                return Poll::Ready(());
            }
            self.waiter.set(Some(clock.current.get()));
            if let Some(until) = until.filter(|_| !polled) {
                clock.wake_at(clock.current.get(), until);
            }
            polled = true;
            Poll::Pending
        })
        .await;
    }
}
