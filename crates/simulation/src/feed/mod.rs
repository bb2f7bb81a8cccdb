//! One lane of a claimed subscription, as the adapters have it.

mod database;
mod redis;

use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::port::broker::Place;

use crate::message::{Delivery, MessageId};
use crate::plan::Tier;
use crate::process::{Consumer, Process};
use crate::world::Away;

use database::LaneFeed;
use redis::RedisFeed;

/// One lane of a claimed subscription.
pub(crate) enum Feed {
    Database(LaneFeed),
    Redis(RedisFeed),
}

impl Feed {
    pub(crate) fn new(
        process: &Rc<Process>,
        subscription: usize,
        lane: Lane,
        consumer: &Rc<Consumer>,
    ) -> Self {
        let feed = LaneFeed::new(process, subscription, lane, consumer);
        match process.world.plan.tier {
            Tier::Database => Self::Database(feed),
            Tier::Distributed => Self::Redis(RedisFeed::new(process, feed)),
        }
    }

    pub(crate) async fn fetch(&mut self, count_max: usize) -> Result<Vec<Delivery>, Away> {
        match self {
            Self::Database(feed) => feed.take(count_max, &crate::store::Bounds::None).await,
            Self::Redis(feed) => feed.take(count_max).await,
        }
    }

    fn inner(&self) -> &LaneFeed {
        match self {
            Self::Database(feed) => feed,
            Self::Redis(feed) => &feed.inner,
        }
    }

    /// Notes what a feeder does.
    pub(crate) fn note(&self, what: &str) {
        let feed = self.inner();
        feed.world().watch.note(|| {
            let (owner, of, lane) = (feed.process.owner, feed.subscription, feed.lane);
            format!("process {owner} {what} for {of} {lane}")
        });
    }

    pub(crate) async fn list_parked(&self) -> Result<Vec<(MessageId, Duration)>, Away> {
        self.inner().list_parked().await
    }

    pub(crate) async fn fetch_parked(&self, id: MessageId) -> Result<Option<Delivery>, Away> {
        self.inner().fetch_parked(id).await
    }

    pub(crate) async fn settled(&mut self, places: &[Place]) -> Result<(), Away> {
        match self {
            Self::Database(feed) => feed.settled(places).await,
            Self::Redis(feed) => feed.settled(places).await,
        }
    }
}
