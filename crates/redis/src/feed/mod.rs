//! One lane of a claimed subscription: its consumer in its group, and beside it the feed from
//! PostgreSQL for what Redis does not have.

mod arrival;
mod group;
mod take_over;

pub(crate) use take_over::SILENCE_MAX;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protean_core::port::broker::{Ahead, Delivery, Feed, Parked, Place, Subscription};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use protean_postgres::outbox::{Bounds, LaneFeed};
use redis::{RedisResult, Value};
use uuid::Uuid;

use crate::broker::Inner;
use crate::entry::{Entry, of_streams};
use crate::error::{failed, is_no_group};
use arrival::Origin;

/// How often a feed looks whether others have died or Redis has lost its data, and asks PostgreSQL
/// for what nobody owns.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Entries of its own that a feed reads again at once, after it lost an answer.
const REREAD_MAX: usize = 512;

/// New backfill entries that are read at once while production is about: Redis, and whoever takes
/// them in, do nothing else meanwhile, for a tenth of a millisecond or so.
const READ_MAX_ABOUT: usize = 64;

/// One lane of a subscription on Redis.
pub(crate) struct RedisFeed {
    broker: Arc<Inner>,
    subscription: Subscription,
    lane: Lane,
    /// The feed from PostgreSQL, which also knows what is in hand.
    inner: LaneFeed,
    stream: String,
    consumer: String,
    /// Up to where PostgreSQL feeds each queue; `None` until the group is known to exist.
    bounds: Option<Bounds>,
    /// Whether PostgreSQL may have something.
    behind: bool,
    /// After which of its own entries it has to read again; `None` when it knows them all.
    reread: Option<String>,
    /// The entry of each message in hand.
    entries: HashMap<(u64, u64), String>,
    /// Entries to be acknowledged.
    acks: Vec<String>,
    looked: Instant,
    /// How often somebody had given something back at the last look.
    freed: u64,
    /// Ends the signs of life with the feed.
    _alive: Arc<()>,
}

impl RedisFeed {
    pub(crate) fn new(broker: &Arc<Inner>, subscription: &Subscription, feed: LaneFeed) -> Self {
        let mut inner = feed;
        inner.tell(broker.ear());
        let lane = inner.lane();
        let unique = Uuid::now_v7().simple().to_string();
        let stream = broker.keys.stream(&subscription.stream, lane);
        let consumer = format!("{}-{}-{unique}", subscription.name, std::process::id());
        let alive = Arc::new(());
        let sign = take_over::sign_of_life(&stream, &subscription.name, &consumer);
        let signs = take_over::live(Arc::downgrade(broker), lane, sign, Arc::downgrade(&alive));
        tokio::spawn(signs);
        let group = (stream.clone(), subscription.name.clone());
        broker.consumers.add(group, lane, consumer.clone());
        Self {
            stream,
            consumer,
            broker: broker.clone(),
            subscription: subscription.clone(),
            lane,
            inner,
            bounds: None,
            behind: true,
            reread: Some("0".to_owned()),
            entries: HashMap::new(),
            acks: Vec::new(),
            looked: Instant::now(),
            freed: broker.consumers.freed(),
            _alive: alive,
        }
    }

    fn link(&self) -> &crate::link::Shared {
        &self.broker.links[self.lane.index()]
    }

    async fn take(&mut self, count_max: usize) -> Result<Vec<Delivery>, port::Error> {
        let mut found = Vec::new();
        let result = self.take_into(count_max, &mut found).await;
        self.acknowledge().await;
        match result {
            // What is in hand must be handed out; the trouble will be there at the next fetch.
            Err(error) if found.is_empty() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "only a part was fetched");
                Ok(found)
            }
            Ok(()) => Ok(found),
        }
    }

    async fn take_into(
        &mut self,
        count_max: usize,
        found: &mut Vec<Delivery>,
    ) -> Result<(), port::Error> {
        let bounds = match &self.bounds {
            Some(bounds) => bounds.clone(),
            None => self.join().await?,
        };
        let freed = self.broker.consumers.freed();
        let due = self.looked.elapsed() >= LOOK_INTERVAL || self.freed != freed;
        if self.behind || due || self.inner.has_waiting() {
            let taken = self.inner.take(count_max, &bounds).await?;
            self.behind = !taken.is_empty();
            found.extend(taken);
        }
        if due {
            self.looked = Instant::now();
            self.freed = freed;
            // Another process may have made the group anew, after Redis lost its data.
            self.behind |= self.join().await? != bounds;
            let orphans = self
                .take_over(count_max.saturating_sub(found.len()))
                .await?;
            self.arrive(orphans, Origin::Again, found).await?;
        }
        while self.reread.is_some() && found.len() < count_max {
            let own = self.read_own().await?;
            self.arrive(own, Origin::Again, found).await?;
        }
        self.take_new(count_max, found).await
    }

    /// Takes what nobody was handed, in portions, until there is no more or no room.
    async fn take_new(
        &mut self,
        count_max: usize,
        found: &mut Vec<Delivery>,
    ) -> Result<(), port::Error> {
        loop {
            let room = count_max.saturating_sub(found.len());
            let wanted = match self.broker.outbox.pace().gives_way(self.lane) {
                true => room.min(READ_MAX_ABOUT),
                false => room,
            };
            if wanted == 0 {
                return Ok(());
            }
            let fresh = self.read_new(wanted).await?;
            let drained = fresh.len() < wanted;
            self.arrive(fresh, Origin::New, found).await?;
            if drained {
                return Ok(());
            }
        }
    }

    /// Entries that nobody was handed.
    async fn read_new(&mut self, count_max: usize) -> Result<Vec<Entry>, port::Error> {
        let answer = self.read(count_max, ">").await;
        self.understood(answer)
    }

    /// Entries that this consumer was handed, some of which it may not know of.
    async fn read_own(&mut self) -> Result<Vec<Entry>, port::Error> {
        let after = self.reread.clone().unwrap_or_default();
        let answer = self.read(REREAD_MAX, &after).await;
        let entries = self.understood(answer)?;
        self.reread = entries.last().map(|last| last.id.clone());
        Ok(entries)
    }

    async fn read(&self, count_max: usize, after: &str) -> RedisResult<Value> {
        let command = redis::cmd("XREADGROUP")
            .arg("GROUP")
            .arg(&*self.subscription.name)
            .arg(&self.consumer)
            .arg("COUNT")
            .arg(count_max)
            .arg("STREAMS")
            .arg(&self.stream)
            .arg(after)
            .to_owned();
        self.link().send(&command).await
    }

    /// What an answer says; after an error nobody knows what Redis has handed out.
    fn understood(&mut self, answer: RedisResult<Value>) -> Result<Vec<Entry>, port::Error> {
        match answer {
            Ok(answer) => Ok(of_streams(answer)),
            Err(error) => {
                self.reread = Some("0".to_owned());
                if is_no_group(&error) {
                    tracing::warn!(stream = %self.stream, "Redis has lost its data; joining again");
                    self.bounds = None;
                    self.behind = true;
                }
                Err(failed("reading a stream", &error))
            }
        }
    }

    /// Acknowledges what is settled; what cannot be is tried again with the next.
    async fn acknowledge(&mut self) {
        if self.acks.is_empty() {
            return;
        }
        let command = redis::cmd("XACK")
            .arg(&self.stream)
            .arg(&*self.subscription.name)
            .arg(&self.acks)
            .to_owned();
        match self.link().send::<u64>(&command).await {
            Ok(_) => self.acks.clear(),
            Err(error) => tracing::debug!(%error, "entries are acknowledged later"),
        }
    }
}

impl Feed for RedisFeed {
    fn fetch(&mut self, count_max: usize) -> BoxFuture<'_, Result<Vec<Delivery>, port::Error>> {
        Box::pin(self.take(count_max))
    }

    /// What Redis has of it and hands out later is settled then, or in hand.
    fn ahead<'a>(
        &'a mut self,
        messages: &'a [Delivery],
    ) -> BoxFuture<'a, Result<Ahead, port::Error>> {
        self.inner.ahead(messages)
    }

    fn parked(
        &mut self,
        after: Option<Position>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Parked>, port::Error>> {
        self.inner.parked(after, count_max)
    }

    fn fetch_parked<'a>(
        &'a mut self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<Delivery>, port::Error>> {
        self.inner.fetch_parked(positions)
    }

    fn settled<'a>(&'a mut self, places: &'a [Place]) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            for place in places {
                let Place::Queue { queue, sequence } = place else {
                    continue;
                };
                self.acks.extend(self.entries.remove(&(*queue, *sequence)));
            }
            let given_back = self.inner.settled(places).await;
            self.acknowledge().await;
            given_back
        })
    }
}
