//! The supervisor of several workers: it starts them, replaces those that end unasked, passes
//! requests to stop on, and sums up what they did.
//!
//! Each worker has a task that keeps it running; the supervisor only tells them all what is wanted.

mod backoff;
mod keeper;
mod life;
mod program;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::handled::Handled;
use crate::signals::{self, Requests};
use crate::{Error, output};

use keeper::{Keeper, Order};
use program::Program;

/// What a supervisor has to know.
#[derive(Debug)]
pub(super) struct Plan {
    /// How many workers there are.
    pub(super) workers: u32,
    /// How long a worker may take to end after it was asked to.
    pub(super) grace: Duration,
    /// What is printed once all of them are ready.
    pub(super) banner: String,
}

/// Has the workers run until SIGINT or SIGTERM, then lets them finish; a second one ends them and
/// this process on the spot.
///
/// # Errors
/// When a worker cannot be started at all, or the banner cannot be printed.
pub(super) async fn run(plan: Plan) -> Result<Handled, Error> {
    Supervisor::start(plan)?.run().await
}

struct Supervisor {
    requests: Requests,
    orders: watch::Sender<Order>,
    keepers: JoinSet<Result<Handled, Error>>,
    ready: mpsc::Receiver<()>,
    /// Workers that were not ready yet.
    awaited: u32,
    banner: String,
    handled: Handled,
    /// What went wrong first.
    failure: Option<Error>,
}

impl Supervisor {
    fn start(plan: Plan) -> Result<Self, Error> {
        let requests = Requests::listen()?;
        let program = Arc::new(Program::own()?);
        let (orders, orders_seen) = watch::channel(Order::Work);
        // Room for one word of each.
        let (ready_tell, ready) = mpsc::channel(plan.workers as usize);
        let keep = |number| {
            Keeper {
                number,
                program: program.clone(),
                orders: orders_seen.clone(),
                ready: Some(ready_tell.clone()),
                grace: plan.grace,
            }
            .keep()
        };
        Ok(Self {
            requests,
            orders,
            keepers: (1..=plan.workers).map(keep).collect(),
            ready,
            awaited: plan.workers,
            banner: plan.banner,
            handled: Handled::default(),
            failure: None,
        })
    }

    async fn run(mut self) -> Result<Handled, Error> {
        loop {
            tokio::select! {
                ended = self.keepers.join_next() => match ended {
                    Some(ended) => self.ended(ended),
                    None => break,
                },
                Some(()) = self.ready.recv() => self.one_is_ready(),
                () = self.requests.next() => self.asked_to_stop(),
            }
        }
        if *self.orders.borrow() == Order::Die {
            signals::exit_interrupted();
        }
        self.failure.map_or(Ok(self.handled), Err)
    }

    fn one_is_ready(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
        let is_running = *self.orders.borrow() == Order::Work;
        if self.awaited == 0
            && is_running
            && let Err(error) = output::print(&self.banner)
        {
            self.fail(error.into());
        }
    }

    fn asked_to_stop(&self) {
        self.orders.send_modify(|order| {
            *order = match *order {
                Order::Work => Order::Stop,
                Order::Stop | Order::Die => Order::Die,
            };
        });
        tracing::info!(order = ?*self.orders.borrow(), "stopping the workers");
    }

    fn ended(&mut self, ended: Result<Result<Handled, Error>, JoinError>) {
        match ended {
            Ok(Ok(handled)) => self.handled += handled,
            Ok(Err(error)) => self.fail(error),
            Err(error) => self.fail(Error::start(error)),
        }
    }

    /// Stops all workers because of this.
    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
        self.orders
            .send_modify(|order| *order = Order::Stop.max(*order));
    }
}
