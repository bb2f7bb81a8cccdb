//! What the engine tells about itself once a second.

use std::time::Duration;

use protean_core::Lane;
use protean_core::port::broker::{Gauge, Subscription};

/// How often gauges are published.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// How much of a rate is the last second's; the rest is what it was before.
const SMOOTHING: f64 = 0.5;

/// The counters of one lane of one subscription.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    settled: u64,
    rate_per_second: f64,
    told: bool,
}

/// Counts what was settled, per lane of each subscription.
pub(super) struct Gauges {
    counters: Vec<[Counter; 2]>,
    totals: [u64; 2],
}

impl Gauges {
    pub(super) fn new(subscriptions: usize) -> Self {
        Self {
            counters: vec![Default::default(); subscriptions],
            totals: [0, 0],
        }
    }

    /// This many messages were settled.
    pub(super) fn settled(&mut self, subscription: usize, lane: Lane, count: u64) {
        self.counters[subscription][lane.index()].settled += count;
        self.totals[lane.index()] += count;
    }

    /// Messages settled on a lane since the start.
    pub(super) const fn total(&self, lane: Lane) -> u64 {
        self.totals[lane.index()]
    }

    /// The gauges that have news, `elapsed` after the last time.
    pub(super) fn take(
        &mut self,
        subscriptions: &[Subscription],
        elapsed: Duration,
        in_flight: impl Fn(usize, Lane) -> usize,
    ) -> Vec<Gauge> {
        let mut gauges = Vec::new();
        for (nth, subscription) in subscriptions.iter().enumerate() {
            for lane in Lane::ALL {
                let counter = &mut self.counters[nth][lane.index()];
                counter.tick(elapsed);
                let in_flight = in_flight(nth, lane) as u64;
                let quiet = in_flight == 0 && counter.rate_per_second == 0.0;
                if quiet && counter.told {
                    continue;
                }
                counter.told = quiet;
                gauges.push(Gauge {
                    subscription: subscription.clone(),
                    lane,
                    in_flight,
                    rate_per_second: counter.rate_per_second,
                });
            }
        }
        gauges
    }
}

impl Counter {
    fn tick(&mut self, elapsed: Duration) {
        /// Below one message in a hundred seconds, a rate is nothing.
        const NEGLIGIBLE: f64 = 0.01;
        #[allow(
            clippy::cast_precision_loss,
            reason = "a second's messages are far below 2^52"
        )]
        let latest = self.settled as f64 / elapsed.as_secs_f64().max(0.001);
        let rate = SMOOTHING.mul_add(latest, (1.0 - SMOOTHING) * self.rate_per_second);
        self.rate_per_second = if rate < NEGLIGIBLE { 0.0 } else { rate };
        self.settled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_the_work_and_silence_is_told_once() {
        let subscriptions = [Subscription::new("Handler", "shop::book")];
        let mut gauges = Gauges::new(1);
        gauges.settled(0, Lane::Backfill, 1_000);
        let told = gauges.take(&subscriptions, INTERVAL, |_, _| 0);
        assert_eq!(told.len(), 2);
        assert!((told[1].rate_per_second - 500.0).abs() < 1.0);
        let mut rounds = 0;
        while !gauges.take(&subscriptions, INTERVAL, |_, _| 0).is_empty() {
            rounds += 1;
            assert!(rounds < 100, "the rate never comes to rest");
        }
        assert_eq!(gauges.total(Lane::Backfill), 1_000);
    }
}
