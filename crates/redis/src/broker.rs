//! The broker, and the tier that it makes with PostgreSQL.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

use protean_core::config::CrossLaneOrder;
use protean_core::governor::Reading;
use protean_core::port::broker::{
    Backlog, Broker, Claim, Feed, Gauge, Listener, Outbox as Waiting, Published, Subscription, Wake,
};
use protean_core::port::{self, Tier};
use protean_core::{BoxFuture, Lane};
use protean_postgres::Postgres;
use protean_postgres::outbox::{Ear, Outbox, Queue};

use crate::carrier::Carrier;
use crate::feed::{RedisFeed, SILENCE_MAX};
use crate::handover::Consumers;
use crate::keys::Keys;
use crate::link::{Server, Shared};
use crate::options::Options;
use crate::relays::Relays;
use crate::{relay, watch};

/// How long it may take to write down what a process that stops leaves to others.
const HAND_OVER_MAX: Duration = Duration::from_millis(500);

/// Redis, as this process uses it beside its database: a cheap clone.
#[derive(Clone)]
pub struct Redis {
    pub(crate) inner: Arc<Inner>,
}

/// What the parts of the broker share.
pub(crate) struct Inner {
    pub(crate) database: Postgres,
    pub(crate) outbox: Outbox,
    pub(crate) server: Server,
    pub(crate) links: [Shared; 2],
    pub(crate) keys: Keys,
    pub(crate) options: Options,
    pub(crate) consumers: Consumers,
    pub(crate) relays: Relays,
    pub(crate) carrier: Arc<Carrier>,
    ears: Mutex<Vec<Weak<Ear>>>,
    watched: Mutex<HashSet<Arc<str>>>,
    forwarding: Once,
}

impl Redis {
    /// Redis, by its URI: `redis://user:password@host:6379/0`, `rediss://…` for TLS,
    /// `redis+cluster://…` or `rediss+cluster://…` for a cluster by any of its nodes. Nothing is
    /// connected before it is needed.
    ///
    /// # Errors
    /// When the URI makes no sense, or the certificates cannot be read.
    pub fn new(uri: &str, database: Postgres, options: Options) -> Result<Self, port::Error> {
        let server = Server::new(uri, options.authorities.as_deref())?;
        let keys = Keys {
            suffix: options.backfill_suffix.clone(),
            cluster: server.is_cluster(),
        };
        let inner = Arc::new_cyclic(|inner| Inner {
            carrier: Arc::new(Carrier::new(inner.clone())),
            outbox: database.outbox(),
            database,
            links: Shared::of(&server),
            server,
            keys,
            options,
            consumers: Consumers::default(),
            relays: Relays::default(),
            ears: Mutex::default(),
            watched: Mutex::default(),
            forwarding: Once::new(),
        });
        let carrier: Weak<Carrier> = Arc::downgrade(&inner.carrier);
        inner.outbox.set_carrier(carrier);
        Ok(Self { inner })
    }

    /// The distributed tier: everything in PostgreSQL, but that messages are moved by Redis.
    #[must_use]
    pub fn tier(&self) -> Tier {
        let redis = Arc::new(self.clone());
        Tier {
            broker: redis.clone(),
            tables: redis,
            retention: self.inner.outbox.retention(),
            ..self.inner.database.tier()
        }
    }
}

impl Inner {
    /// The ears of this process hear of something new.
    pub(crate) fn hear_of(&self, published: &Published) {
        for ear in self.living_ears() {
            ear.hear_of(published.clone());
        }
    }

    fn living_ears(&self) -> Vec<Arc<Ear>> {
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        ears.retain(|ear| ear.strong_count() > 0);
        ears.iter().filter_map(Weak::upgrade).collect()
    }

    /// An ear that hears what arrives in Redis.
    pub(crate) fn ear(self: &Arc<Self>) -> Arc<Ear> {
        let ear = Arc::new(Ear::default());
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        ears.push(Arc::downgrade(&ear));
        drop(ears);
        self.forwarding.call_once(|| {
            tokio::spawn(forward(self.database.ear(), Arc::downgrade(self)));
        });
        ear
    }

    /// The streams of the subscriptions that this process takes part in.
    pub(crate) fn watched(&self) -> Vec<Arc<str>> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().cloned().collect()
    }

    /// Watches a stream, unless it is watched.
    fn watch(self: &Arc<Self>, stream: &Arc<str>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !watched.insert(stream.clone()) {
            return;
        }
        for published in watch::lanes(stream) {
            tokio::spawn(watch::watch(Arc::downgrade(self), published));
        }
    }
}

/// Passes on what concerns everybody: that messages were set aside, freed by the dead, or are waited
/// for. Of single commits the database tells too early: they are not in Redis yet.
async fn forward(heard: Arc<Ear>, broker: Weak<Inner>) {
    loop {
        let wake = heard.wake().await;
        let Some(inner) = broker.upgrade() else {
            return;
        };
        if matches!(wake, Wake::Anything) {
            inner.consumers.hear();
        }
        for ear in inner.living_ears() {
            match &wake {
                Wake::Anything => ear.hear_of_everything(),
                Wake::Awaited(awaited) => ear.hear_of_awaited(awaited.clone()),
                Wake::Published(_) => {}
            }
        }
    }
}

impl Broker for Redis {
    fn claim<'a>(
        &'a self,
        subscription: &'a Subscription,
        order: CrossLaneOrder,
    ) -> BoxFuture<'a, Result<Option<Claim>, port::Error>> {
        Box::pin(async move {
            let feeds = self.inner.database.join(subscription, order).await?;
            self.inner.watch(&subscription.stream);
            let feeds = feeds.map(|feed| {
                let feed = RedisFeed::new(&self.inner, subscription, feed);
                Box::new(feed) as Box<dyn Feed>
            });
            Ok(Some(feeds))
        })
    }

    fn release(&self) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            let Inner {
                consumers,
                links,
                relays,
                database,
                ..
            } = &*self.inner;
            let handed_over = async {
                relays.end().await;
                consumers.hand_over(links, SILENCE_MAX).await?;
                self.mark().await
            };
            match tokio::time::timeout(HAND_OVER_MAX, handed_over).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::debug!(%error, "others have to find out what is free")
                }
                Err(_) => tracing::debug!("others have to find out what is free"),
            }
            database.release().await?;
            database.call_out().await;
            Ok(())
        })
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, port::Error>> {
        Box::pin(async move {
            // A server that cannot reach its database says so at once. Redis is waited for.
            drop(Broker::listen(&self.inner.database).await?);
            Ok(Box::new(Heard(self.inner.ear())) as Box<dyn Listener>)
        })
    }

    fn reach(&self) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            self.inner.database.reach().await?;
            // A key of ours, since in a cluster somebody has to be asked who has it.
            let exists = redis::cmd("EXISTS").arg("protean").to_owned();
            let link = &self.inner.links[Lane::Primary.index()];
            link.ask::<u64>("the look at Redis", &exists)
                .await
                .map(drop)
        })
    }

    fn report(&self, gauges: Vec<Gauge>) -> BoxFuture<'_, Result<(), port::Error>> {
        self.inner.database.report(gauges)
    }

    fn sojourn(&self, waited: Duration) {
        self.inner.database.sojourn(waited);
    }

    fn governor(&self) -> Reading {
        self.inner.database.governor()
    }

    fn overlap(&self, overlap_max: usize) -> usize {
        self.inner.database.overlap(overlap_max)
    }

    fn rest_after_handlers(&self, used: Duration) -> Duration {
        self.inner.database.rest_after_handlers(used)
    }

    fn backlogs<'a>(
        &'a self,
        subscriptions: &'a [Subscription],
    ) -> BoxFuture<'a, Result<Vec<[Backlog; 2]>, port::Error>> {
        self.inner.database.backlogs(subscriptions)
    }

    fn attend(&self, lane: Lane) -> BoxFuture<'_, ()> {
        Box::pin(relay::attend(self.inner.clone(), lane))
    }

    fn outbox(&self) -> BoxFuture<'_, Result<Option<[Waiting; 2]>, port::Error>> {
        Box::pin(async move {
            let [primary, backfill] = Lane::ALL.map(|lane| self.waiting(lane));
            Ok(Some([primary.await?, backfill.await?]))
        })
    }
}

impl Redis {
    /// How much of a lane is not in Redis. While Redis is away, what was written down is taken.
    async fn waiting(&self, lane: Lane) -> Result<Waiting, port::Error> {
        let queues = self.inner.outbox.queues(lane).await?;
        let published = self.published(lane, queues).await;
        let of = move |queue: &Queue| published.get(&queue.id).copied().unwrap_or(queue.mark);
        self.inner.outbox.waiting(lane, of).await
    }

    /// Writes down how far both lanes are published, for when nobody relays any more.
    async fn mark(&self) -> Result<(), port::Error> {
        for lane in Lane::ALL {
            let queues = self.inner.outbox.queues(lane).await?;
            let known: HashMap<u64, u64> = queues.iter().map(|it| (it.id, it.mark)).collect();
            let mut marks = self.published(lane, queues).await;
            marks.retain(|queue, upto| known.get(queue).is_some_and(|mark| *upto > *mark));
            if !marks.is_empty() {
                self.inner.outbox.mark(lane, &marks).await?;
            }
        }
        Ok(())
    }

    /// Up to where queues of a lane are published, as Redis says, as far as it can be asked.
    async fn published(&self, lane: Lane, queues: Vec<Queue>) -> HashMap<u64, u64> {
        let mut published = HashMap::new();
        let mut streams: Vec<String> = Vec::new();
        for queue in queues {
            if !streams.contains(&queue.stream) {
                streams.push(queue.stream);
            }
        }
        for stream in streams {
            let hash = self.inner.keys.relay(&stream, lane);
            let asked = redis::cmd("HGETALL").arg(&hash).to_owned();
            let link = &self.inner.links[lane.index()];
            match link.send::<Vec<(String, String)>>(&asked).await {
                Ok(fields) => published.extend(fields.into_iter().filter_map(number)),
                Err(error) => {
                    tracing::warn!(%error, "Redis is away; the outbox may hold less than is said");
                    break;
                }
            }
        }
        published
    }
}

/// A queue and up to where it is published, in a relay's hash.
fn number((field, value): (String, String)) -> Option<(u64, u64)> {
    Some((field.parse().ok()?, value.parse().ok()?))
}

/// An ear as a listener.
struct Heard(Arc<Ear>);

impl Listener for Heard {
    fn wake(&mut self) -> BoxFuture<'_, Wake> {
        Box::pin(self.0.wake())
    }
}
