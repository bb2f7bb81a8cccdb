//! One lane of a claimed subscription.

use std::sync::Arc;

use deadpool_postgres::Client;
use protean_core::interner::Interner;
use protean_core::port::broker::{Delivery, Feed, Parked, Place, Published, Subscription};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};

use super::hand::Hand;
use super::lease::{self, Leased, Party};
use super::order::{WAITING_MAX, Waiting, queue_number};
use super::{SharedConsumer, parked};
use crate::error::failed;
use crate::message::Logged;
use crate::{Postgres, lanes};

/// The most messages that are leased at once: more would be lost for longer with their process.
const LEASE_MAX: usize = 1_024;

/// One lane of a subscription that this process takes part in.
#[derive(Debug)]
pub(crate) struct LaneFeed {
    database: Postgres,
    subscription: Subscription,
    lane: Lane,
    consumer: SharedConsumer,
    hand: Hand,
    waiting: Waiting,
    interner: Interner,
    /// Queues of which what is handed out is recorded.
    started: Vec<i64>,
}

impl LaneFeed {
    pub(crate) fn new(
        database: Postgres,
        subscription: Subscription,
        lane: Lane,
        consumer: &SharedConsumer,
    ) -> Self {
        Self {
            database,
            subscription,
            lane,
            consumer: consumer.clone(),
            hand: Hand::default(),
            waiting: Waiting::default(),
            interner: Interner::default(),
            started: Vec::new(),
        }
    }

    /// A connection, and the consumer alive.
    async fn ready(&self) -> Result<Client, port::Error> {
        self.database.inner.consumers.rejoin(&self.consumer).await?;
        self.database.inner.pools.light().await
    }

    /// What this feed hands out to, as the tables have it. A macro would do as well: the parts are
    /// lent while others are changed.
    fn party<'p>(subscription: &'p Subscription, lane: Lane, owner: i64) -> Party<'p> {
        Party {
            subscription: &subscription.name,
            stream: &subscription.stream,
            lane: lanes::number(lane),
            owner,
        }
    }

    async fn take_next(
        &mut self,
        client: &Client,
        count_max: usize,
    ) -> Result<Vec<Delivery>, tokio_postgres::Error> {
        let subscription = self.subscription.clone();
        let party = Self::party(&subscription, self.lane, self.consumer.id());
        let mut found = Vec::new();
        if self.waiting.len() > 0 {
            let nothing = Leased::default();
            self.hand_out(client, party, nothing, &mut found).await?;
        }
        while found.len() < count_max
            && self.waiting.len() < WAITING_MAX
            && let Some(leased) = lease::adopt(client, party, &mut self.interner).await?
        {
            self.hand_out(client, party, leased, &mut found).await?;
        }
        for queue in lease::grown(client, party, lease::unbounded()).await? {
            let room = count_max.saturating_sub(found.len()).min(LEASE_MAX);
            if room == 0 || self.waiting.len() >= WAITING_MAX {
                break;
            }
            if !self.started.contains(&queue) {
                lease::start(client, party, queue).await?;
                self.started.push(queue);
            }
            let bounds = (room, lease::unbounded());
            let leased = lease::take(client, party, queue, bounds, &mut self.interner).await?;
            self.hand_out(client, party, leased, &mut found).await?;
        }
        Ok(found)
    }

    /// Hands out those messages of a lease that are to be handled and need not wait.
    async fn hand_out(
        &mut self,
        client: &Client,
        party: Party<'_>,
        leased: Leased,
        found: &mut Vec<Delivery>,
    ) -> Result<(), tokio_postgres::Error> {
        let Leased {
            lease,
            settled,
            messages,
        } = leased;
        let arrived: Vec<Logged> = messages
            .into_iter()
            .filter(|one| {
                !settled.contains(one.sequence)
                    && self
                        .hand
                        .take(queue_number(one.queue), one.sequence, Some(lease))
            })
            .collect();
        if lease != 0 {
            self.hand.empty(lease);
        }
        let sorted = self.waiting.sort(client, party, &self.hand, arrived, &settled);
        let free = sorted.await?;
        let lane = self.lane;
        found.extend(free.into_iter().map(|one| delivery(lane, one)));
        Ok(())
    }

    async fn give_back(&mut self, client: &Client) -> Result<(), port::Error> {
        let done = self.hand.take_done();
        if done.is_empty() {
            return Ok(());
        }
        let released = lease::release(client, &done).await;
        released.map_err(|error| {
            self.hand.return_done(done);
            failed("giving back what was handed out", &error)
        })
    }

    /// Looks again after a while, when something waits for what is in other hands.
    fn look_again(&self) {
        let Some(pause) = self.waiting.pause() else {
            return;
        };
        let bell = Arc::downgrade(&self.database.inner.bell);
        let published = Published {
            stream: self.subscription.stream.clone(),
            lane: self.lane,
        };
        tokio::spawn(async move {
            // sleep: who has the message before these in hand tells nobody when it is done
            tokio::time::sleep(pause).await;
            if let Some(bell) = bell.upgrade() {
                bell.ring_here(&crate::bell::News {
                    published: [published].into(),
                    everything: false,
                });
            }
        });
    }
}

/// A message that is handed out of its queue.
pub(crate) fn delivery(lane: Lane, one: Logged) -> Delivery {
    Delivery {
        lane,
        place: Place::Queue {
            queue: queue_number(one.queue),
            sequence: one.sequence,
        },
        position: Position(one.position),
        failures: 0,
        failed_first: None,
        message: Arc::new(one.message),
    }
}

impl Feed for LaneFeed {
    fn fetch(&mut self, count_max: usize) -> BoxFuture<'_, Result<Vec<Delivery>, port::Error>> {
        Box::pin(async move {
            let client = self.ready().await?;
            let found = self.take_next(&client, count_max).await;
            let found = found.map_err(|error| failed("the fetch", &error))?;
            self.look_again();
            Ok(found)
        })
    }

    fn parked(
        &mut self,
        after: Option<Position>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Parked>, port::Error>> {
        Box::pin(async move {
            let client = self.ready().await?;
            let party = Self::party(&self.subscription, self.lane, self.consumer.id());
            parked::list(&client, party, self.lane, after, count_max)
                .await
                .map_err(|error| failed("the list of messages set aside", &error))
        })
    }

    fn fetch_parked<'a>(
        &'a mut self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<Delivery>, port::Error>> {
        Box::pin(async move {
            let client = self.ready().await?;
            let party = Self::party(&self.subscription, self.lane, self.consumer.id());
            parked::fetch(&client, party, self.lane, positions, &mut self.interner)
                .await
                .map_err(|error| failed("the fetch of a message set aside", &error))
        })
    }

    fn settled<'a>(&'a mut self, places: &'a [Place]) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            for place in places {
                self.hand.settled(*place);
            }
            let client = self.ready().await?;
            self.give_back(&client).await
        })
    }
}
