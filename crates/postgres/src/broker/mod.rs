//! The broker: the message table is the stream.

mod ahead;
mod backlog;
mod claim;
mod consumer;
mod feed;
mod lease;
mod order;
mod parked;

use std::sync::Arc;
use std::time::Duration;

use protean_core::config::CrossLaneOrder;
use protean_core::governor::Reading;
use protean_core::port::broker::{Backlog, Broker, Claim, Feed, Gauge, Listener, Subscription};
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};

use crate::bell::Listening;
use crate::error::failed;
use crate::{Postgres, lanes, retention};

pub(crate) use backlog::age;
pub(crate) use consumer::{Consumer, Consumers};
pub use feed::LaneFeed;
pub use lease::Bounds;
pub(crate) use lease::settled;

impl Broker for Postgres {
    fn claim<'a>(
        &'a self,
        subscription: &'a Subscription,
        order: CrossLaneOrder,
    ) -> BoxFuture<'a, Result<Option<Claim>, port::Error>> {
        Box::pin(async move {
            let feeds = self.join(subscription, order).await?;
            Ok(Some(feeds.map(|feed| Box::new(feed) as Box<dyn Feed>)))
        })
    }

    fn release(&self) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            self.inner.consumers.gone().await;
            Ok(())
        })
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, port::Error>> {
        Box::pin(async move {
            // A server that cannot reach its database says so at once.
            drop(self.inner.pools.light(Lane::Primary).await?);
            Ok(Box::new(Listening(self.ear())) as Box<dyn Listener>)
        })
    }

    fn reach(&self) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.light(Lane::Primary).await?;
            let answer = client.simple_query("SELECT 1").await;
            answer
                .map(drop)
                .map_err(|error| failed("the look at the database", &error))
        })
    }

    fn report(&self, gauges: Vec<Gauge>) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.light(Lane::Primary).await?;
            let names: Vec<&str> = gauges.iter().map(|one| &*one.subscription.name).collect();
            let streams: Vec<&str> = gauges.iter().map(|one| &*one.subscription.stream).collect();
            let numbers: Vec<i16> = gauges.iter().map(|one| lanes::number(one.lane)).collect();
            let in_flight: Vec<i64> = gauges
                .iter()
                .map(|one| crate::message::column(one.in_flight))
                .collect();
            let rates: Vec<f64> = gauges.iter().map(|one| one.rate_per_second).collect();
            let upsert = client.prepare_cached(backlog::UPSERT_GAUGES).await;
            let written = match upsert {
                Ok(upsert) => {
                    let process = &self.inner.process;
                    client
                        .execute(
                            &upsert,
                            &[&names, &streams, &numbers, process, &in_flight, &rates],
                        )
                        .await
                }
                Err(error) => Err(error),
            };
            written
                .map(drop)
                .map_err(|error| failed("the gauges", &error))
        })
    }

    fn sojourn(&self, waited: Duration) {
        self.inner.bell.pace().feel_sojourn(waited);
    }

    fn governor(&self) -> Reading {
        self.inner.bell.pace().reading()
    }

    fn overlap(&self, overlap_max: usize) -> usize {
        self.inner.bell.pace().overlap(overlap_max)
    }

    fn rest_after_handlers(&self, used: Duration) -> Duration {
        self.inner.bell.pace().rest_after_handlers(used)
    }

    fn backlogs<'a>(
        &'a self,
        subscriptions: &'a [Subscription],
    ) -> BoxFuture<'a, Result<Vec<[Backlog; 2]>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            backlog::of(&client, subscriptions)
                .await
                .map_err(|error| failed("the backlogs", &error))
        })
    }
}

impl Postgres {
    /// Takes part in a subscription: a feed for each lane.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn join(
        &self,
        subscription: &Subscription,
        order: CrossLaneOrder,
    ) -> Result<[LaneFeed; 2], port::Error> {
        let consumer = self.inner.consumers.join(subscription).await?;
        let mut client = self.inner.pools.light(Lane::Primary).await?;
        retention::begin(&mut client, subscription)
            .await
            .map_err(|error| failed("the begin of a subscription", &error))?;
        drop(client);
        let promotions = Arc::default();
        let shared = (&consumer, &promotions);
        let feed = |lane| LaneFeed::new(self, subscription, (lane, order), shared);
        Ok(Lane::ALL.map(feed))
    }
}
