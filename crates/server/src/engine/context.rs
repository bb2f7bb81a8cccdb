//! What feeders and workers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use protean_core::config::{CrossLaneOrder, RetryPolicy};
use protean_core::domain::Domain;
use protean_core::port::broker::Subscription;
use protean_core::port::servers::Server;
use protean_core::{App, domain};
use tokio::sync::{Notify, Semaphore};

use super::{Options, Payloads, presence};
use crate::Monitor;

/// The application, and what the engine makes of its configuration.
pub(super) struct Context<D> {
    pub(super) app: App<D>,
    /// The subscriptions, in the order of the registry.
    pub(super) subscriptions: Vec<Subscription>,
    /// The retry policy of each.
    pub(super) retries: Vec<RetryPolicy>,
    /// The longest stretch backfill may hold anything that primary needs.
    pub(super) quantum: Duration,
    /// What holds between messages of one key in different lanes.
    pub(super) order: CrossLaneOrder,
    /// What is told to whoever watches the engine.
    pub(super) monitor: Monitor,
    /// Whether payloads are logged.
    pub(super) payloads: Payloads,
    /// This process, as others know it.
    pub(super) server: Server,
    /// Somebody may want to know at once how a subscription stands.
    pub(super) changed: Notify,
    /// A subscription that another process holds may be had now.
    pub(super) freed: Notify,
    /// Subscriptions are claimed one by one: all at once, a server that starts would ask for a
    /// dozen connections in the same moment, at the side of everybody else.
    pub(super) claiming: Semaphore,
    started: Instant,
    yielding: AtomicBool,
}

impl<D: Domain> Context<D> {
    pub(super) fn new(app: App<D>, monitor: Monitor, options: Options) -> Self {
        let subscriptions = app.subscriptions();
        let config = app.config();
        let retries = subscriptions
            .iter()
            .map(|known| config.retry_for(&known.name))
            .collect();
        let quantum = Duration::from_millis(u64::from(config.server.priority_lanes.quantum_ms));
        let order = config.server.priority_lanes.cross_lane_order;
        Self {
            subscriptions,
            retries,
            quantum,
            order,
            monitor,
            payloads: options.payloads,
            server: presence::server(options.worker),
            changed: Notify::new(),
            freed: Notify::new(),
            claiming: Semaphore::new(1),
            app,
            started: Instant::now(),
            yielding: AtomicBool::new(false),
        }
    }

    /// The time since the engine was started, which is the scheduler's clock.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// The registry's side of a subscription.
    pub(super) fn registered(&self, subscription: usize) -> &domain::Subscription<D> {
        &self.app.registry().subscriptions()[subscription]
    }

    /// Asks backfill runs to end at their next message, or not any more.
    pub(super) fn set_yielding(&self, yielding: bool) {
        self.yielding.store(yielding, Ordering::Relaxed);
    }

    /// Whether backfill runs should end at their next message.
    pub(super) fn is_yielding(&self) -> bool {
        self.yielding.load(Ordering::Relaxed)
    }
}
