//! What is counted and measured where it happens. Each count is an atomic addition: the way to the
//! counter of a lane is looked up once, when the server starts.

use std::time::Duration;

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};
use protean_core::Lane;
use protean_core::port::broker::Subscription;

use super::catalog::{self, Metric};

/// The limits of the buckets of histograms, in seconds: from what a handler takes that does nothing
/// to an hour of waiting in the backfill lane, each about two and a half times the one before.
const BUCKETS: [f64; 18] = [
    0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    60.0, 300.0, 900.0, 3_600.0,
];

/// The counters of one lane of one subscription.
#[derive(Clone, Debug)]
pub struct Meters {
    handled: IntCounter,
    failed: IntCounter,
    retried: IntCounter,
    dead: IntCounter,
    sojourn: Histogram,
    handler: Histogram,
}

impl Meters {
    /// A handler has a message for the first time, this long after it was made.
    pub(crate) fn begun(&self, waited: Duration) {
        self.sojourn.observe(waited.as_secs_f64());
    }

    /// A handler has a message once more.
    pub(crate) fn begun_again(&self) {
        self.retried.inc();
    }

    /// It took the handler so long.
    pub(crate) fn took(&self, time: Duration) {
        self.handler.observe(time.as_secs_f64());
    }

    /// A message was handled, for good.
    pub(crate) fn handled(&self) {
        self.handled.inc();
    }

    /// A try failed.
    pub(crate) fn failed(&self) {
        self.failed.inc();
    }

    /// A message was given up.
    pub(crate) fn dead(&self) {
        self.dead.inc();
    }

    /// Messages handled and given up since the start.
    pub(crate) fn settled(&self) -> u64 {
        self.handled.get() + self.dead.get()
    }
}

/// The makers of meters, and where they are registered.
pub(super) struct Makers {
    handled: IntCounterVec,
    failed: IntCounterVec,
    retried: IntCounterVec,
    dead: IntCounterVec,
    sojourn: HistogramVec,
    handler: HistogramVec,
}

impl Makers {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            handled: counter(registry, &catalog::HANDLED)?,
            failed: counter(registry, &catalog::FAILED)?,
            retried: counter(registry, &catalog::RETRIED)?,
            dead: counter(registry, &catalog::DEAD_LETTERED)?,
            sojourn: histogram(registry, &catalog::SOJOURN)?,
            handler: histogram(registry, &catalog::HANDLER)?,
        })
    }

    /// The meters of one lane of a subscription.
    pub(super) fn meters(&self, subscription: &Subscription, lane: Lane) -> Meters {
        let place = [&*subscription.name, &*subscription.stream, lane.name()];
        Meters {
            handled: self.handled.with_label_values(&place),
            failed: self.failed.with_label_values(&place),
            retried: self.retried.with_label_values(&place),
            dead: self.dead.with_label_values(&place),
            sojourn: self.sojourn.with_label_values(&place),
            handler: self.handler.with_label_values(&place),
        }
    }
}

pub(super) fn counter(registry: &Registry, metric: &Metric) -> prometheus::Result<IntCounterVec> {
    let made = IntCounterVec::new(Opts::new(metric.name, metric.help), metric.labels)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

fn histogram(registry: &Registry, metric: &Metric) -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new(metric.name, metric.help).buckets(BUCKETS.to_vec());
    let made = HistogramVec::new(options, metric.labels)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

pub(super) fn gauge(registry: &Registry, metric: &Metric) -> prometheus::Result<GaugeVec> {
    let made = GaugeVec::new(Opts::new(metric.name, metric.help), metric.labels)?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}
