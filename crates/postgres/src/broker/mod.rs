//! The broker: the message table is the stream.

mod backlog;
mod consumer;
mod feed;
mod hand;
mod lease;
mod order;
mod parked;

use std::sync::Arc;

use protean_core::port::broker::{Backlog, Broker, Claim, Feed, Gauge, Listener, Subscription};
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};

use crate::bell::Listening;
use crate::error::failed;
use crate::{Postgres, lanes};

pub(crate) use consumer::{Consumer, Consumers};
pub(crate) use feed::LaneFeed;

impl Broker for Postgres {
    fn claim<'a>(
        &'a self,
        subscription: &'a Subscription,
    ) -> BoxFuture<'a, Result<Option<Claim>, port::Error>> {
        Box::pin(async move {
            let consumer = self.inner.consumers.join(subscription).await?;
            let feeds = Lane::ALL.map(|lane| {
                let feed = LaneFeed::new(self.clone(), subscription.clone(), lane, &consumer);
                Box::new(feed) as Box<dyn Feed>
            });
            Ok(Some(feeds))
        })
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, port::Error>> {
        Box::pin(async move {
            // A server that cannot reach its database says so at once.
            drop(self.inner.pools.light().await?);
            Ok(Box::new(Listening(self.ear())) as Box<dyn Listener>)
        })
    }

    fn report(&self, gauges: Vec<Gauge>) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.light().await?;
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
                        .execute(&upsert, &[
                            &names, &streams, &numbers, process, &in_flight, &rates,
                        ])
                        .await
                }
                Err(error) => Err(error),
            };
            written
                .map(drop)
                .map_err(|error| failed("the gauges", &error))
        })
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

/// A consumer that both lanes of a claim share.
pub(crate) type SharedConsumer = Arc<Consumer>;
