//! The engine: reads what subscriptions are sent, and runs it as the lane scheduler decides.
//!
//! One task owns the scheduler and is never blocked: feeders read, workers run, and both report
//! back through one channel, so that an arriving primary message is seen at once (L1, L2). Primary
//! work runs on the runtime that the engine was started on; backfill work has threads of its own,
//! which the operating system favours less.

mod along;
mod attempt;
mod batch;
mod beat;
mod cleaner;
mod context;
mod controls;
mod feeder;
mod gauges;
mod in_hand;
mod lookout;
mod narrate;
mod outage;
mod panics;
mod pool;
mod post;
mod presence;
mod processor;
mod span;
mod state;
mod task;
mod together;
mod verdict;
mod withheld;

use std::future::Future;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use protean_core::domain::Domain;
use protean_core::{App, port};

use crate::Monitor;
use crate::monitor::Unmade;
use context::Context;
use pool::BackfillPool;
use state::Engine;

/// How the engine uses its machine; everything else is in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Primary messages in the hands of handlers at the same time.
    pub primary_concurrency: usize,
    /// Backfill batches in the hands of handlers at the same time.
    pub backfill_concurrency: usize,
    /// Threads for backfill handlers.
    pub backfill_threads: usize,
    /// How long work in progress may take after a request to stop.
    pub drain_timeout: Duration,
    /// Whether what is logged of messages has their payloads, too.
    pub payloads: Payloads,
    /// Which worker of its supervisor this process is, from 1.
    pub worker: u32,
}

/// What becomes of payloads in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payloads {
    /// They stay out of it: they are the business of whoever sent them.
    #[default]
    Withheld,
    /// They are logged, for whoever looks for a mistake.
    Logged,
}

impl Options {
    /// What the configuration asks for, on this machine.
    #[must_use]
    pub fn of(config: &protean_core::config::Server) -> Self {
        let processors = available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            primary_concurrency: config.primary_concurrency as usize,
            backfill_concurrency: config.backfill_concurrency as usize,
            backfill_threads: (processors / 2).max(1),
            drain_timeout: config.drain_timeout,
            payloads: Payloads::default(),
            worker: 1,
        }
    }
}

/// What an engine did in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages settled on the primary lane.
    pub primary: u64,
    /// Messages settled on the backfill lane.
    pub backfill: u64,
    /// Whether work was still in progress when the time to drain was over; it will be done again.
    pub interrupted: bool,
}

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The broker cannot be reached.
    #[error(transparent)]
    Broker(#[from] port::Error),
    /// The metrics cannot be made.
    #[error(transparent)]
    Unmade(#[from] Unmade),
    /// The operating system gives no thread.
    #[error("[PE0301] no thread for the backfill lane: {0}")]
    Thread(std::io::Error),
}

/// Runs every subscription of the domain until `shutdown` resolves and what is in progress then is
/// done, or [`Options::drain_timeout`] is over.
///
/// # Errors
/// When the broker cannot be reached at the start. From the moment that `shutdown` is polled for
/// the first time the engine runs, and troubles are waited out.
///
/// # Cancel safety
/// Dropping the future is like killing the process: nothing is lost, and what was in progress is
/// done again by the next engine (L9).
pub async fn run<D: Domain>(
    app: App<D>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, Error> {
    let monitor = Monitor::of(&app)?;
    run_watched(app, options, monitor, shutdown).await
}

/// The same, for somebody who watches it: `monitor` is to be the one of this application, and of no
/// other engine.
///
/// # Errors
/// As with [`run`].
///
/// # Cancel safety
/// As with [`run`].
pub async fn run_watched<D: Domain>(
    app: App<D>,
    options: Options,
    monitor: Monitor,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, Error> {
    let listener = app.tier().broker.listen().await?;
    let min_share = app.config().server.priority_lanes.min_share;
    let pool = BackfillPool::start(options.backfill_threads, min_share).map_err(Error::Thread)?;
    let context = Arc::new(Context::new(app, monitor, options));
    let engine = Engine::new(context, options, pool);
    Ok(task::run(engine, listener, shutdown).await)
}
