//! One lane of a subscription on Redis: its consumer in its group, and beside it the feed from
//! PostgreSQL for what Redis does not have.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::{Rc, Weak};
use std::time::Duration;

use protean_core::Lane;
use protean_core::port::broker::Place;
use protean_core::settled::Settled;

use super::database::LaneFeed;
use crate::message::{Delivery, Logged};
use crate::planted::Planted;
use crate::process::Process;
use crate::redis::{self, NoGroup};
use crate::store::Bounds;
use crate::world::{Away, World};

/// How often a feed looks whether others have died or Redis has lost its data.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How often a consumer says that it is alive, and how long it may be silent.
const LIFE_INTERVAL: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// Entries of its own that a feed reads again at once.
const REREAD_MAX: usize = 8;

/// How entries came here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    New,
    Again,
}

/// One lane of a subscription on Redis.
pub(crate) struct RedisFeed {
    pub(super) inner: LaneFeed,
    place: (usize, Lane),
    consumer: u64,
    bounds: Option<Bounds>,
    behind: bool,
    reread: Option<u64>,
    entries: HashMap<(u64, u64), u64>,
    acks: Vec<u64>,
    looked: Duration,
    _alive: Rc<()>,
}

impl RedisFeed {
    pub(super) fn new(process: &Rc<Process>, inner: LaneFeed) -> Self {
        let alive = Rc::new(());
        let consumer = process.world.random.next();
        let place = (process.world.plan.stream_of(inner.subscription), inner.lane);
        let signs = live(
            process.clone(),
            place,
            (inner.subscription, consumer),
            Rc::downgrade(&alive),
        );
        process.world.clock.spawn(process.owner, signs);
        Self {
            place,
            consumer,
            bounds: None,
            behind: true,
            reread: Some(0),
            entries: HashMap::new(),
            acks: Vec::new(),
            looked: process.world.now(),
            _alive: alive,
            inner,
        }
    }

    fn world(&self) -> &World {
        self.inner.world()
    }

    fn name(&self) -> (usize, u64) {
        (self.inner.subscription, self.consumer)
    }

    /// Has Redis do something; after an error nobody knows what it has handed out.
    async fn tell<T>(
        &mut self,
        what: impl FnOnce(&mut redis::Redis) -> Result<T, NoGroup>,
    ) -> Result<T, Away> {
        let lane = self.place.1;
        match self.world().tell(&self.inner.process, lane, what).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(NoGroup)) => {
                self.reread = Some(0);
                if !self.world().is_planted(Planted::LossUnnoticed) {
                    self.bounds = None;
                    self.behind = true;
                } else if self.bounds.is_some() {
                    self.join().await?;
                }
                Err(Away)
            }
            Err(Away) => {
                self.reread = Some(0);
                Err(Away)
            }
        }
    }

    pub(super) async fn take(&mut self, count_max: usize) -> Result<Vec<Delivery>, Away> {
        let mut found = Vec::new();
        let result = self.take_into(count_max, &mut found).await;
        self.acknowledge().await;
        match result {
            Err(Away) if found.is_empty() => Err(Away),
            _ => Ok(found),
        }
    }

    async fn take_into(&mut self, count_max: usize, found: &mut Vec<Delivery>) -> Result<(), Away> {
        let bounds = match &self.bounds {
            Some(bounds) => bounds.clone(),
            None => self.join().await?,
        };
        let due = self.world().now() - self.looked >= LOOK_INTERVAL;
        if self.behind || due || self.inner.has_waiting() {
            let taken = self.inner.take(count_max, &bounds).await?;
            self.behind = !taken.is_empty();
            found.extend(taken);
        }
        if due {
            self.looked = self.world().now();
            self.behind |= self.join().await? != bounds;
            let room = count_max.saturating_sub(found.len());
            let orphans = self.take_over(room).await?;
            self.arrive(orphans, Origin::Again, found).await?;
        }
        while self.reread.is_some() && found.len() < count_max {
            let own = self.read_own().await?;
            self.arrive(own, Origin::Again, found).await?;
        }
        let room = count_max.saturating_sub(found.len());
        if room > 0 {
            let (now, place, name) = (self.world().now(), self.place, self.name());
            let fresh = self
                .tell(|redis| redis.read_new(now, place, name, room))
                .await?;
            self.arrive(fresh, Origin::New, found).await?;
        }
        Ok(())
    }

    async fn join(&mut self) -> Result<Bounds, Away> {
        let (stream, lane) = self.place;
        let queues = |store: &mut crate::store::Store| {
            let all = store.queues(lane).into_iter().map(|id| store.queue(id));
            let own = all.filter(|queue| queue.stream == stream);
            own.map(|queue| (queue.id, queue.mark)).collect::<Vec<_>>()
        };
        let queues = self.world().ask(queues).await?;
        let (now, name) = (self.world().now(), self.name());
        let joined = self.world().tell(&self.inner.process, lane, |redis| {
            redis.join(now, (stream, lane), name.0, name.1, &queues)
        });
        let bounds = Bounds::Upto(joined.await?);
        let unnoticed = self.world().is_planted(Planted::LossUnnoticed);
        if let Some(known) = self.bounds.clone().filter(|_| unnoticed) {
            return Ok(known);
        }
        self.bounds = Some(bounds.clone());
        Ok(bounds)
    }

    async fn read_own(&mut self) -> Result<Vec<redis::Entry>, Away> {
        let after = self.reread.unwrap_or_default();
        let (now, place, name) = (self.world().now(), self.place, self.name());
        let read = self.tell(|redis| redis.read_own(now, place, name, (after, REREAD_MAX)));
        let entries = read.await?;
        self.reread = entries.last().map(|last| last.id);
        Ok(entries)
    }

    /// Whether the oldest entry that the group has for this consumer is one that it knows of, or is
    /// not there any more.
    async fn knows_its_oldest(&mut self) -> Result<bool, Away> {
        let (now, place, name) = (self.world().now(), self.place, self.name());
        let oldest = self
            .tell(|redis| redis.read_own(now, place, name, (0, 1)))
            .await?;
        let mut known = self.entries.values().chain(&self.acks);
        Ok(oldest
            .first()
            .is_none_or(|oldest| known.any(|id| *id == oldest.id)))
    }

    /// Entries of consumers that have been silent for too long.
    async fn take_over(&mut self, count_max: usize) -> Result<Vec<redis::Entry>, Away> {
        let mut taken = Vec::new();
        if self.world().is_planted(Planted::PendingOfTheDeadForgotten) {
            return Ok(taken);
        }
        let (place, name) = (self.place, self.name());
        let now = self.world().now();
        let consumers = self
            .tell(|redis| redis.consumers(now, place, name.0))
            .await?;
        for (other, idle, pending) in consumers {
            if other == self.consumer {
                let more = pending > self.entries.len() + self.acks.len();
                if more || pending > 0 && !self.knows_its_oldest().await? {
                    self.reread = Some(0);
                }
                continue;
            }
            if idle < SILENCE_MAX || taken.len() >= count_max {
                continue;
            }
            let room = count_max - taken.len();
            let now = self.world().now();
            let claim = (other, SILENCE_MAX / 2, room);
            let claimed = self
                .tell(|redis| redis.claim(now, place, name, claim))
                .await?;
            if !claimed.is_empty() {
                self.world().doubt_everybody();
            }
            taken.extend(claimed);
        }
        Ok(taken)
    }

    /// Hands out what entries hold, unless it is in hand or settled.
    async fn arrive(
        &mut self,
        entries: Vec<redis::Entry>,
        origin: Origin,
        found: &mut Vec<Delivery>,
    ) -> Result<(), Away> {
        if entries.is_empty() {
            return Ok(());
        }
        let arrived = self.try_arrive(entries, origin, found).await;
        if arrived.is_err() {
            self.reread = Some(0);
        }
        arrived
    }

    async fn try_arrive(
        &mut self,
        entries: Vec<redis::Entry>,
        origin: Origin,
        found: &mut Vec<Delivery>,
    ) -> Result<(), Away> {
        let mut arrived = Vec::new();
        for entry in entries {
            match entry.logged {
                Some(logged) => arrived.push((entry.id, logged)),
                None => self.acks.push(entry.id),
            }
        }
        let mut places = Vec::new();
        let mut candidates = Vec::new();
        for (id, logged) in self.choose(arrived, origin).await? {
            let place = (logged.queue, logged.sequence);
            self.entries.insert(place, id);
            places.push(place);
            candidates.push(logged);
        }
        let handed = self.inner.arrive(candidates, Settled::default()).await;
        if handed.is_err() {
            for place in places {
                if !self.inner.holds(place.0, place.1) {
                    self.entries.remove(&place);
                }
            }
        }
        found.extend(handed?);
        Ok(())
    }

    /// The messages that are to be handled; the entries of the others are acknowledged.
    async fn choose(
        &mut self,
        arrived: Vec<(u64, Logged)>,
        origin: Origin,
    ) -> Result<Vec<(u64, Logged)>, Away> {
        let mut chosen: Vec<(u64, Logged)> = Vec::new();
        let mut settled: HashMap<u64, Settled> = HashMap::new();
        for (id, logged) in arrived {
            let place = (logged.queue, logged.sequence);
            if let Some(known) = self.entries.get_mut(&place) {
                if *known != id && !self.acks.contains(&id) {
                    self.acks.push(std::mem::replace(known, id));
                }
                continue;
            }
            let seen = chosen.iter().any(|one| one.1.id == logged.id);
            if seen || self.inner.holds(logged.queue, logged.sequence) {
                self.acks.push(id);
                continue;
            }
            // What was published by a commit that settled it, too, is not new.
            let may_be_settled = origin == Origin::Again || logged.draft.cause.is_some();
            if may_be_settled || self.is_doubtful(&logged) {
                let known = match settled.entry(logged.queue) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(slot) => slot.insert(self.inner.settled_of(logged.queue).await?),
                };
                if known.contains(logged.sequence) {
                    self.acks.push(id);
                    continue;
                }
            }
            chosen.push((id, logged));
        }
        Ok(chosen)
    }

    fn is_doubtful(&self, logged: &Logged) -> bool {
        match &self.bounds {
            Some(Bounds::Upto(bounds)) => bounds
                .get(&logged.queue)
                .is_none_or(|upto| logged.sequence <= *upto),
            _ => true,
        }
    }

    async fn acknowledge(&mut self) {
        if self.acks.is_empty() {
            return;
        }
        let (place, group, acks) = (self.place, self.inner.subscription, self.acks.clone());
        let process = self.inner.process.clone();
        let sent = self.world().tell(&process, place.1, |redis| {
            redis.acknowledge(place, group, &acks);
        });
        if sent.await.is_ok() {
            self.acks.clear();
        }
    }

    pub(super) async fn settled(&mut self, places: &[Place]) -> Result<(), Away> {
        for place in places {
            let Place::Queue { queue, sequence } = place else {
                continue;
            };
            self.acks.extend(self.entries.remove(&(*queue, *sequence)));
        }
        let given_back = self.inner.settled(places).await;
        self.acknowledge().await;
        given_back
    }
}

/// Says that a consumer is alive for as long as its feed is there.
async fn live(
    process: Rc<Process>,
    place: (usize, Lane),
    (group, consumer): (usize, u64),
    feed: Weak<()>,
) {
    let world = &process.world;
    while feed.strong_count() > 0 {
        world.clock.sleep(LIFE_INTERVAL).await;
        let now = world.now();
        let sign = world.tell(&process, place.1, |redis| {
            redis.live(now, place, group, consumer);
        });
        let _ = sign.await;
    }
}
