//! Keeps one worker running: starts it, and another in its place whenever it ends unasked.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use super::life::{Event, Life};
use super::program::Program;
use crate::Error;
use crate::server::handled::Handled;
use crate::server::tether::Word;

/// How often a worker that was never ready is started. What fails three times in a row at the very
/// beginning is wrong with the application, and is better told than tried for ever.
const STARTS_MAX: u32 = 3;

/// How long a worker may take until it is ready; one that takes longer is stuck.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// What the supervisor wants of its workers; each comes after those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Handle messages.
    Work,
    /// Finish what is in progress, then end.
    Stop,
    /// End on the spot.
    Die,
}

/// Who keeps one worker running.
#[derive(Debug)]
pub(super) struct Keeper {
    /// The number of the worker, from 1.
    pub(super) number: u32,
    /// What is started.
    pub(super) program: Arc<Program>,
    /// What the supervisor wants.
    pub(super) orders: watch::Receiver<Order>,
    /// Told when the worker is ready for the first time, and only then.
    pub(super) ready: Option<mpsc::Sender<()>>,
    /// How long it may take to end after it was asked to.
    pub(super) grace: Duration,
}

/// How a worker process fared.
#[derive(Debug, Default)]
struct Fate {
    pid: Option<u32>,
    ready: bool,
    handled: Handled,
    /// What it said about its end.
    failure: Option<String>,
    /// How it ended, as the operating system sees it.
    status: String,
}

impl Keeper {
    /// Keeps a worker running until it is ordered to stop; returns what all of them handled.
    ///
    /// # Errors
    /// When the worker was not ready once in [`STARTS_MAX`] starts.
    pub(super) async fn keep(mut self) -> Result<Handled, Error> {
        let mut handled = Handled::default();
        let mut backoff = Backoff::default();
        let mut starts_failed = Some(0);
        loop {
            let began = Instant::now();
            let fate = self.start().await;
            handled += fate.handled;
            if *self.orders.borrow() > Order::Work {
                return Ok(handled);
            }
            starts_failed = starts_failed.filter(|_| !fate.ready).map(|count| count + 1);
            if starts_failed == Some(STARTS_MAX) {
                return Err(self.gives_up(fate));
            }
            let pause = backoff.pause_after(began.elapsed());
            self.warn(&fate, pause);
            if !self.rest(pause).await {
                return Ok(handled);
            }
        }
    }

    /// Starts a worker process, and attends it until its end.
    async fn start(&mut self) -> Fate {
        match Life::begin(&self.program, self.number) {
            Ok(life) => self.attend(life).await,
            Err(error) => Fate {
                status: format!("cannot be started: {error}"),
                ..Fate::default()
            },
        }
    }

    async fn attend(&mut self, mut life: Life) -> Fate {
        tracing::info!(worker = self.number, pid = life.pid, "started");
        let mut fate = Fate {
            pid: Some(life.pid),
            ..Fate::default()
        };
        let mut obeyed = Order::Work;
        let mut deadline = Some(Instant::now() + START_TIMEOUT);
        loop {
            tokio::select! {
                event = life.event() => match event {
                    Ok(Event::Said(word)) => {
                        if word == Word::Ready && obeyed == Order::Work {
                            deadline = None;
                        }
                        self.hear(word, &mut fate);
                    }
                    Ok(Event::Ended(status)) => {
                        fate.status = status.to_string();
                        return fate;
                    }
                    Err(error) => {
                        fate.status = error.to_string();
                        return fate;
                    }
                },
                order = next_order(&mut self.orders, obeyed) => {
                    obeyed = order;
                    deadline = self.obey(order, &mut life);
                }
                () = reached(deadline) => {
                    life.kill();
                    deadline = None;
                    self.overdue(obeyed, &mut fate);
                }
            }
        }
    }

    fn hear(&mut self, word: Word, fate: &mut Fate) {
        match word {
            Word::Ready => {
                tracing::info!(worker = self.number, pid = fate.pid, "ready");
                fate.ready = true;
                if let Some(first) = self.ready.take() {
                    // There is room for one word of each worker.
                    let _ = first.try_send(());
                }
            }
            Word::Stopped(handled) => fate.handled = handled,
            Word::Failed(why) => fate.failure = Some(why),
        }
    }

    /// Passes an order on; returns until when it has to be carried out.
    fn obey(&self, order: Order, life: &mut Life) -> Option<Instant> {
        match order {
            Order::Work => None,
            Order::Stop => {
                life.ask_to_stop();
                Some(Instant::now() + self.grace)
            }
            Order::Die => {
                life.kill();
                None
            }
        }
    }

    /// Notes that a worker was killed because it took too long.
    fn overdue(&self, obeyed: Order, fate: &mut Fate) {
        let pid = fate.pid;
        if obeyed == Order::Work {
            tracing::warn!(worker = self.number, pid, "not ready in time; killed");
            fate.failure = Some(format!("not ready within {START_TIMEOUT:?}"));
        } else {
            tracing::warn!(worker = self.number, pid, "did not end in time; killed");
            fate.handled.interrupted = true;
        }
    }

    fn warn(&self, fate: &Fate, pause: Duration) {
        tracing::warn!(
            worker = self.number,
            pid = fate.pid,
            status = fate.status,
            failure = fate.failure,
            pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            "a worker ended unasked; another takes its place"
        );
    }

    fn gives_up(&self, fate: Fate) -> Error {
        Error::Worker {
            number: self.number,
            starts: STARTS_MAX,
            why: fate.failure.unwrap_or(fate.status),
        }
    }

    /// Waits before the next start; whether there is to be one.
    async fn rest(&mut self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        tokio::select! {
            _ = next_order(&mut self.orders, Order::Work) => false,
            () = sleep_until(end) => true,
        }
    }
}

/// The order that comes after the one obeyed.
async fn next_order(orders: &mut watch::Receiver<Order>, obeyed: Order) -> Order {
    let next = orders.wait_for(|order| *order > obeyed).await;
    match next.map(|order| *order) {
        Ok(order) => order,
        // Without a supervisor there are no more orders.
        Err(_) => pending().await,
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
