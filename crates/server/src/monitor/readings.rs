//! What is looked up when somebody asks: backlogs, the outbox, the governor, connections.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, Registry};
use protean_core::Lane;
use protean_core::governor::Reading;
use protean_core::port::broker::{Backlog, Outbox, Subscription};
use protean_core::port::store::Connections;
use protean_core::port::{self, Tier};

use super::catalog;
use super::meters::{counter, gauge};
use crate::stall::Stall;

/// The gauges that are set when somebody asks.
pub(super) struct Readings {
    lag: GaugeVec,
    pending: GaugeVec,
    dead: GaugeVec,
    oldest: GaugeVec,
    rate: GaugeVec,
    stalled: GaugeVec,
    left_alone: GaugeVec,
    outbox_depth: GaugeVec,
    outbox_oldest: GaugeVec,
    governor: [GaugeVec; 2],
    judged: [IntCounterVec; 2],
    late_limit: GaugeVec,
    connections: [GaugeVec; 3],
    ready: GaugeVec,
    started: GaugeVec,
}

impl Readings {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |metric| gauge(registry, metric);
        Ok(Self {
            lag: gauge(&catalog::LAG)?,
            pending: gauge(&catalog::PENDING)?,
            dead: gauge(&catalog::DEAD)?,
            oldest: gauge(&catalog::OLDEST)?,
            rate: gauge(&catalog::RATE)?,
            stalled: gauge(&catalog::STALLED)?,
            left_alone: gauge(&catalog::LEFT_ALONE)?,
            outbox_depth: gauge(&catalog::OUTBOX_DEPTH)?,
            outbox_oldest: gauge(&catalog::OUTBOX_OLDEST)?,
            governor: [
                gauge(&catalog::GOVERNOR_SHARE)?,
                gauge(&catalog::GOVERNOR_PRODUCTION)?,
            ],
            judged: [
                counter(registry, &catalog::GOVERNOR_JUDGED)?,
                counter(registry, &catalog::GOVERNOR_LATE)?,
            ],
            late_limit: gauge(&catalog::GOVERNOR_LIMIT)?,
            connections: [
                gauge(&catalog::CONNECTIONS_USED)?,
                gauge(&catalog::CONNECTIONS_MAX)?,
                gauge(&catalog::CONNECTIONS_AWAITED)?,
            ],
            ready: gauge(&catalog::READY)?,
            started: gauge(&catalog::STARTED)?,
        })
    }

    /// Takes down what the store and the broker say. What they do not say is as it was.
    pub(super) async fn look(
        &self,
        tier: &Tier,
        subscriptions: &[Subscription],
    ) -> Result<(), port::Error> {
        self.governor(tier.broker.governor());
        self.connections(&tier.store.connections());
        let backlogs = tier.broker.backlogs(subscriptions).await?;
        for (subscription, lanes) in subscriptions.iter().zip(&backlogs) {
            for (lane, backlog) in Lane::ALL.into_iter().zip(lanes) {
                self.backlog(subscription, lane, backlog);
            }
        }
        if let Some(outbox) = tier.broker.outbox().await? {
            for (lane, outbox) in Lane::ALL.into_iter().zip(outbox) {
                let Outbox { depth, oldest } = outbox;
                set(&self.outbox_depth, &[lane.name()], number(depth));
                set(&self.outbox_oldest, &[lane.name()], age(oldest));
            }
        }
        Ok(())
    }

    pub(super) fn ready(&self, ready: bool) {
        set(&self.ready, &[], f64::from(ready));
    }

    pub(super) fn started(&self, seconds: f64) {
        set(&self.started, &[], seconds);
    }

    /// These subscriptions are stalled, and no others.
    pub(super) fn stalls<'a>(&self, all: impl IntoIterator<Item = (&'a Subscription, Stall)>) {
        self.stalled.reset();
        for (subscription, stall) in all {
            let place = [
                &*subscription.name,
                &*subscription.stream,
                stall.cause.name(),
            ];
            set(&self.stalled, &place, stall.lasted.as_secs_f64());
        }
    }

    /// Whether each of these is left alone.
    pub(super) fn left_alone<'a>(&self, all: impl IntoIterator<Item = (&'a Subscription, bool)>) {
        for (subscription, is_left_alone) in all {
            let place = [&*subscription.name, &*subscription.stream];
            set(&self.left_alone, &place, f64::from(is_left_alone));
        }
    }

    fn backlog(&self, subscription: &Subscription, lane: Lane, backlog: &Backlog) {
        let place = [&*subscription.name, &*subscription.stream, lane.name()];
        set(&self.lag, &place, number(backlog.lag));
        set(&self.pending, &place, number(backlog.pending));
        set(&self.dead, &place, number(backlog.dead));
        set(&self.oldest, &place, age(backlog.oldest));
        set(&self.rate, &place, backlog.rate_per_second);
    }

    fn governor(&self, reading: Reading) {
        let values = [reading.share, f64::from(reading.is_production_about)];
        for (gauge, value) in self.governor.iter().zip(values) {
            set(gauge, &[], value);
        }
        for (work, judged) in [("commit", reading.commits), ("wait", reading.sojourns)] {
            for (counter, total) in self.judged.iter().zip([judged.all, judged.late]) {
                let counter = counter.with_label_values(&[work]);
                counter.inc_by(total.saturating_sub(counter.get()));
            }
            set(&self.late_limit, &[work], judged.limit_seconds);
        }
    }

    fn connections(&self, all: &[Connections]) {
        for one in all {
            let values = [one.used, one.max, one.awaited];
            for (gauge, value) in self.connections.iter().zip(values) {
                set(gauge, &[one.lane.name()], number(value));
            }
        }
    }
}

fn set(gauge: &GaugeVec, labels: &[&str], value: f64) {
    gauge.with_label_values(labels).set(value);
}

fn age(oldest: Option<Duration>) -> f64 {
    oldest.map_or(0.0, |age| age.as_secs_f64())
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a number that somebody looks at needs no 53 bits"
)]
const fn number(count: u64) -> f64 {
    count as f64
}
