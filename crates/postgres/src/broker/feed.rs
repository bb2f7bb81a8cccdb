//! One lane of a claimed subscription.

mod leasing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::Client;
use protean_core::config::CrossLaneOrder;
use protean_core::hand::Hand;
use protean_core::interner::Interner;
use protean_core::port::broker::{Ahead, Delivery, Feed, Parked, Place, Published, Subscription};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::settled::Settled;
use protean_core::{BoxFuture, Lane};
use tokio_postgres::Error;

use super::ahead::{Look, Promotions, Taken};
use super::lease::{self, Bounds, Leased, Party};
use super::order::{WAITING_MAX, Waiting};
use super::{Consumer, parked};
use crate::bell::{Ear, News};
use crate::error::failed;
use crate::message::Logged;
use crate::trust::Trust;
use crate::{Postgres, lanes};

/// How long after a fetch of which only a part was heard the next one is asked for.
const UNHEARD_PAUSE: Duration = Duration::from_millis(100);

/// How long after the queue that had some lately everything else is asked for: while it is handled,
/// and not beside that, as long as nothing else is heard of.
const ALONE_PAUSE: Duration = Duration::from_millis(2);

/// One lane of a subscription that this process takes part in.
#[derive(Debug)]
pub struct LaneFeed {
    database: Postgres,
    subscription: Subscription,
    lane: Lane,
    order: CrossLaneOrder,
    consumer: Arc<Consumer>,
    /// What the primary feed has taken of the backfill lane.
    promotions: Arc<Promotions>,
    hand: Hand,
    waiting: Waiting,
    interner: Interner,
    /// Queues of which what is handed out is recorded.
    started: Vec<i64>,
    /// The queue that messages were taken of last.
    recent: Option<i64>,
    /// Up to where that queue is handed out, as far as is known.
    handed: Option<i64>,
    /// Whether nobody else hands out what is in that queue.
    trust: Trust,
    /// Whether it had some when it was asked last.
    had_some: bool,
    /// When it was asked, if it was the only thing that was at the last fetch.
    asked_alone: Option<Instant>,
    /// When it last looked for leases that nobody owns; none after a fetch that failed, which may
    /// have left some.
    adopted: Option<Instant>,
    /// Who is told when something that waits may go on.
    ear: Option<Arc<Ear>>,
    /// Whether somebody is about to be told.
    telling: Arc<AtomicBool>,
}

impl LaneFeed {
    pub(super) fn new(
        database: &Postgres,
        subscription: &Subscription,
        (lane, order): (Lane, CrossLaneOrder),
        (consumer, promotions): (&Arc<Consumer>, &Arc<Promotions>),
    ) -> Self {
        Self {
            database: database.clone(),
            subscription: subscription.clone(),
            lane,
            order,
            consumer: consumer.clone(),
            promotions: promotions.clone(),
            hand: Hand::default(),
            waiting: Waiting::default(),
            interner: Interner::default(),
            started: Vec::new(),
            recent: None,
            handed: None,
            trust: Trust::default(),
            had_some: false,
            asked_alone: None,
            adopted: None,
            ear: None,
            telling: Arc::default(),
        }
    }

    /// The lane.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        self.lane
    }

    /// Tells this ear when something that waits may go on, instead of those of the database.
    pub fn tell(&mut self, ear: Arc<Ear>) {
        self.ear = Some(ear);
    }

    /// Whether a message of a queue is handed out and not settled.
    #[must_use]
    pub fn holds(&self, queue: u64, sequence: u64) -> bool {
        self.hand.holds(queue, sequence)
    }

    /// Whether messages wait for others of their keys.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.waiting.len() > 0
    }

    /// The next messages of the database's own queues, up to their bounds, and what nobody owns
    /// any more.
    ///
    /// # Errors
    /// When the database cannot be reached; asking again is safe.
    ///
    /// # Cancel safety
    /// Not cancel safe: messages may be lost to this feed, until the next claim.
    pub async fn take(
        &mut self,
        count_max: usize,
        bounds: &Bounds,
    ) -> Result<Vec<Delivery>, port::Error> {
        let mut client = self.ready().await?;
        let mut found = Vec::new();
        let taken = self
            .take_next(&mut client, count_max, bounds, &mut found)
            .await;
        if let Err(error) = taken {
            let error = failed("the fetch", &error);
            self.adopted = None;
            if found.is_empty() {
                return Err(error);
            }
            tracing::warn!(%error, "only a part was fetched");
            // The rest may be leased already, and nobody else tells of it.
            self.tell_after(UNHEARD_PAUSE);
        }
        self.look_again();
        Ok(found)
    }

    /// Hands out messages that came from elsewhere: those that need not wait for others of their
    /// keys. What is in hand or, where `settled` tells, settled is left out.
    ///
    /// # Errors
    /// When the database cannot be reached; the messages wait then.
    pub async fn arrive(
        &mut self,
        arrived: Vec<Logged>,
        settled: &Settled,
    ) -> Result<Vec<Delivery>, port::Error> {
        let mut client = self.ready().await?;
        let mut found = Vec::new();
        let subscription = self.subscription.clone();
        let party = party(&subscription, self.lane, self.consumer.id());
        let broken = |error| failed("the order of messages", &error);
        let leased = if self.is_shared() {
            let leased = self.lease_arrived(&mut client, party, arrived).await;
            leased.map_err(broken)?
        } else {
            vec![Leased {
                lease: 0,
                settled: settled.clone(),
                taken: arrived.len(),
                messages: arrived,
            }]
        };
        for leased in leased {
            let handed = self.hand_out(&client, party, leased, &mut found).await;
            handed.map_err(broken)?;
        }
        self.look_again();
        Ok(found)
    }

    /// What is settled of a queue.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn settled_of(&self, queue: u64) -> Result<Settled, port::Error> {
        let client = self.ready().await?;
        let found = super::order::cursor(&client, &self.subscription.name, queue).await;
        found.map_err(|error| failed("the position of a subscription", &error))
    }

    /// A connection, and the consumer alive.
    async fn ready(&self) -> Result<Client, port::Error> {
        self.database.inner.consumers.rejoin(&self.consumer).await?;
        self.database.inner.pools.light(self.lane).await
    }

    async fn take_next(
        &mut self,
        client: &mut Client,
        count_max: usize,
        bounds: &Bounds,
        found: &mut Vec<Delivery>,
    ) -> Result<(), Error> {
        let subscription = self.subscription.clone();
        let party = party(&subscription, self.lane, self.consumer.id());
        if self.waiting.len() > 0 {
            self.hand_out(client, party, Leased::default(), found)
                .await?;
        }
        if found.len() >= count_max {
            return Ok(());
        }
        let asked = (count_max, bounds);
        let alone = self.asked_alone.take();
        if alone.is_none() && self.take_alone(client, party, asked, found).await? {
            self.tell_after(ALONE_PAUSE);
            return Ok(());
        }
        let grown = match alone.is_some_and(|at| at.elapsed() >= ALONE_PAUSE) {
            true => self.look_behind(client, party, asked, found).await?,
            false => self.look(client, party, asked, found).await?,
        };
        for (queue, upto) in grown {
            let upto = match bounds {
                Bounds::None => i64::MAX,
                Bounds::Upto(_) => upto,
            };
            // What is settled does not count: as long as a queue has more, a fetch is full.
            loop {
                let room = count_max.saturating_sub(found.len()).min(self.lease_max());
                if room == 0 || self.waiting.len_within(bounds) >= WAITING_MAX {
                    return Ok(());
                }
                if !self.started.contains(&queue) {
                    lease::start(client, party, queue).await?;
                    self.started.push(queue);
                }
                let started = Instant::now();
                let leased = self.lease(client, party, queue, (room, upto)).await?;
                (self.recent, self.had_some) = (Some(queue), true);
                self.handed = leased.last();
                let last = leased.taken < room;
                self.hand_out(client, party, leased, found).await?;
                if last {
                    break;
                }
                if self.lane == Lane::Backfill {
                    let pace = self.database.inner.bell.pace();
                    pace.rest(started.elapsed()).await;
                }
            }
        }
        Ok(())
    }

    /// Hands out those messages of a lease that are to be handled and need not wait.
    async fn hand_out(
        &mut self,
        client: &Client,
        party: Party<'_>,
        leased: Leased,
        found: &mut Vec<Delivery>,
    ) -> Result<(), Error> {
        let Leased {
            lease,
            settled,
            messages,
            taken: _,
        } = leased;
        let under = (lease != 0).then_some(lease);
        let hand = &mut self.hand;
        let arrived: Vec<Logged> = messages
            .into_iter()
            .filter(|one| {
                !settled.contains(one.sequence) && hand.take(one.queue, one.sequence, under)
            })
            .collect();
        if let Some(lease) = under {
            self.hand.empty(lease);
        }
        let sorted = self
            .waiting
            .sort(client, party, &self.hand, arrived, &settled);
        let free = sorted.await?;
        let lane = self.lane;
        found.extend(free.into_iter().map(|one| delivery(lane, one)));
        Ok(())
    }

    /// Gives back what is settled.
    async fn give_back(&mut self) -> Result<(), port::Error> {
        let done = self.hand.take_done();
        if done.is_empty() {
            return Ok(());
        }
        let released = match self.ready().await {
            Ok(client) => lease::release(&client, self.consumer.id(), &done)
                .await
                .map_err(|error| failed("giving back what was handed out", &error)),
            Err(error) => Err(error),
        };
        if released.is_err() {
            self.hand.return_done(done);
        }
        released
    }

    /// Looks again after a while, when something waits for what is in other hands.
    fn look_again(&self) {
        if let Some(pause) = self.waiting.pause() {
            self.tell_after(pause);
        }
    }

    fn tell_after(&self, pause: Duration) {
        // Each look leads to the next: two at a time would be two for ever.
        if self.telling.swap(true, Ordering::AcqRel) {
            return;
        }
        let telling = self.telling.clone();
        let bell = Arc::downgrade(&self.database.inner.bell);
        let ear = self.ear.as_ref().map(Arc::downgrade);
        let published = Published::new(self.subscription.stream.clone(), self.lane);
        tokio::spawn(async move {
            // sleep: whoever has the message before these in hand tells nobody when it is done
            tokio::time::sleep(pause).await;
            telling.store(false, Ordering::Release);
            match (ear, bell.upgrade()) {
                (Some(ear), _) => {
                    if let Some(ear) = ear.upgrade() {
                        ear.hear_of(published);
                    }
                }
                (None, Some(bell)) => bell.ring_here(&News::of(published)),
                (None, None) => {}
            }
        });
    }
}

/// Whom a feed hands out to, as the tables have it.
fn party(subscription: &Subscription, lane: Lane, owner: i64) -> Party<'_> {
    Party {
        subscription: &subscription.name,
        stream: &subscription.stream,
        lane: lanes::number(lane),
        owner,
    }
}

/// A message that is handed out of its queue.
fn delivery(lane: Lane, one: Logged) -> Delivery {
    Delivery {
        lane,
        place: Place::Queue {
            queue: one.queue,
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
        Box::pin(self.take(count_max, &Bounds::None))
    }

    fn ahead<'a>(
        &'a mut self,
        messages: &'a [Delivery],
    ) -> BoxFuture<'a, Result<Ahead, port::Error>> {
        Box::pin(async move {
            let mut client = self.ready().await?;
            let party = party(&self.subscription, self.lane, self.consumer.id());
            let look = Look::new(party, messages);
            let looked = look.run(&mut client, &self.promotions).await;
            let taken = looked.map_err(|error| failed("the look at what goes before", &error))?;
            let Taken {
                mut ahead,
                logged,
                awaited,
            } = taken;
            self.database.inner.bell.ring(News::of_awaited(awaited));
            let deliveries = logged.into_iter();
            let deliveries = deliveries.map(|one| delivery(Lane::Backfill, one));
            ahead.deliveries = deliveries.collect();
            ahead
                .deliveries
                .sort_by_key(|one| (one.message.band(), one.position));
            Ok(ahead)
        })
    }

    fn parked(
        &mut self,
        after: Option<Position>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Parked>, port::Error>> {
        Box::pin(async move {
            let client = self.ready().await?;
            let party = party(&self.subscription, self.lane, self.consumer.id());
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
            let party = party(&self.subscription, self.lane, self.consumer.id());
            parked::fetch(&client, party, self.lane, positions, &mut self.interner)
                .await
                .map_err(|error| failed("the fetch of a message set aside", &error))
        })
    }

    fn settled<'a>(&'a mut self, places: &'a [Place]) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            for place in places {
                self.hand.settled(*place);
                if let Place::Queue { queue, sequence } = *place
                    && let Some(lease) = self.promotions.remove((queue, sequence))
                {
                    self.hand.empty(lease);
                }
            }
            self.give_back().await
        })
    }
}
