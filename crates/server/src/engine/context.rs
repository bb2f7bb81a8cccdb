//! What feeders and workers share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use protean_core::config::{CrossLaneOrder, RetryPolicy};
use protean_core::domain::Domain;
use protean_core::message::Message;
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
    offers: Vec<Offer>,
}

/// Whether a subscription may take messages along with the commits that publish them.
#[derive(Default)]
struct Offer {
    /// Whether it has nothing before them.
    at_rest: AtomicBool,
    /// Until when it is not asked, by the scheduler's clock, in milliseconds.
    not_before_ms: AtomicU64,
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
            offers: app
                .subscriptions()
                .iter()
                .map(|_| Offer::default())
                .collect(),
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

    /// The subscriptions that a message is for.
    pub(super) fn readers_of(&self, message: &Message) -> Vec<usize> {
        let all = self.subscriptions.iter().enumerate();
        let readers = all.filter(|(_, known)| known.stream == message.stream);
        readers.map(|(nth, _)| nth).collect()
    }

    /// Says whether a subscription has nothing to do.
    pub(super) fn set_at_rest(&self, subscription: usize, at_rest: bool) {
        let offer = &self.offers[subscription];
        offer.at_rest.store(at_rest, Ordering::Relaxed);
    }

    /// Does not ask a subscription for so long whether it takes anything along.
    pub(super) fn leave_alone(&self, subscription: usize, pause: Duration) {
        let until = millis(self.now() + pause);
        let offer = &self.offers[subscription];
        offer.not_before_ms.store(until, Ordering::Relaxed);
    }

    /// Whether a subscription may be asked to take a message along with the commit that publishes it.
    pub(super) fn may_take_along(&self, subscription: usize) -> bool {
        let offer = &self.offers[subscription];
        let not_before = offer.not_before_ms.load(Ordering::Relaxed);
        offer.at_rest.load(Ordering::Relaxed) && millis(self.now()) >= not_before
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

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
