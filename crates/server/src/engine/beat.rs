//! What the engine tells once a second, and at its end.

use std::time::Duration;

use protean_core::Lane;
use protean_core::domain::Domain;

use super::Summary;
use super::presence;
use super::state::Engine;

/// How long the end waits for spans at most, when the collector of them does not answer.
const FLUSH_MAX: Duration = Duration::from_secs(3);

impl<D: Domain> Engine<D> {
    /// Tells whoever watches how a subscription stands now, since that has changed.
    pub(super) fn stands(&self, subscription: usize) {
        let standing = self.scheduler.standing(subscription);
        self.context.monitor.set_standing(subscription, standing);
        self.context.changed.notify_one();
    }

    pub(super) fn report(&mut self, elapsed: Duration) {
        for feeder in self.feeders.iter_mut().flatten() {
            feeder.settled([]);
        }
        let scheduler = &self.scheduler;
        for subscription in 0..self.feeders.len() {
            let standing = scheduler.standing(subscription);
            self.context.monitor.set_standing(subscription, standing);
        }
        let in_flight = |subscription, lane| scheduler.held(subscription, lane);
        let gauges = self
            .gauges
            .take(&self.context.subscriptions, elapsed, in_flight);
        if gauges.is_empty() {
            return;
        }
        let broker = self.context.app.tier().broker.clone();
        tokio::spawn(async move {
            if let Err(error) = broker.report(gauges).await {
                tracing::debug!(%error, "gauges not published");
            }
        });
    }

    /// Lets what runs finish, for as long as the options allow.
    pub(super) async fn drain(mut self) -> Summary {
        self.context.monitor.set_running(false);
        self.scheduler.stop();
        self.context.set_yielding(true);
        let deadline = tokio::time::Instant::now() + self.options.drain_timeout;
        while !self.scheduler.is_idle() {
            match tokio::time::timeout_at(deadline, self.events.1.recv()).await {
                Ok(Some(event)) => self.take(event),
                Ok(None) | Err(_) => break,
            }
        }
        // What others wait for comes first.
        self.feeders.clear();
        presence::release(&self.context).await;
        self.attendance.shutdown().await;
        presence::leave(&self.context).await;
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        self.context.app.flush_spans(left.min(FLUSH_MAX)).await;
        Summary {
            primary: self.gauges.total(Lane::Primary),
            backfill: self.gauges.total(Lane::Backfill),
            interrupted: !self.scheduler.is_idle(),
        }
    }
}
