//! The task that owns the scheduler.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use protean_core::Lane;
use protean_core::domain::Domain;
use protean_core::port::broker::{Delivery, Listener, Parked, Place, Wake};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::batch::{self, Finished, Work};
use super::context::Context;
use super::feeder::{self, Answer, Inbox, Request};
use super::gauges::{self, Gauges};
use super::pool::BackfillPool;
use super::{Options, Summary};
use crate::lane::{Action, Item, Limits, Outcome, RETURNING_MAX, Run, Scheduler};

/// Messages in one backfill run. Its time is bounded by the quantum; this bounds its memory.
const BATCH_MAX: usize = 512;

/// Messages of one lane of one subscription that are read ahead.
const BUFFER_MAX: usize = 2 * BATCH_MAX;

/// Requests a feeder may have before it: a fetch, a list, and the parked ones.
const REQUESTS_MAX: usize = RETURNING_MAX + 2;

/// Runs whose settled places a feeder may have before it; those of more wait in the engine.
const SETTLED_MAX: usize = 64;

/// Reports that wait for the engine; whoever has one more waits.
const EVENTS_MAX: usize = 1_024;

/// What feeders and workers report.
enum Event {
    Fed(usize, Answer),
    Finished(Finished),
}

impl From<(usize, Answer)> for Event {
    fn from((subscription, answer): (usize, Answer)) -> Self {
        Self::Fed(subscription, answer)
    }
}

/// What the engine has of a feeder.
struct Feeder {
    requests: mpsc::Sender<Request>,
    settled: mpsc::Sender<Vec<Place>>,
    /// Settled places that the feeder has no room for yet.
    unsent: Vec<Place>,
}

impl Feeder {
    fn new() -> (Self, Inbox) {
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        let (settled, places) = mpsc::channel(SETTLED_MAX);
        let feeder = Self {
            requests,
            settled,
            unsent: Vec::new(),
        };
        let inbox = Inbox {
            requests: receiver,
            settled: places,
        };
        (feeder, inbox)
    }

    fn settled(&mut self, places: impl IntoIterator<Item = Place>) {
        self.unsent.extend(places);
        if self.unsent.is_empty() {
            return;
        }
        if let Ok(permit) = self.settled.try_reserve() {
            permit.send(std::mem::take(&mut self.unsent));
        }
    }
}

pub(super) struct Engine<D> {
    context: Arc<Context<D>>,
    options: Options,
    pool: BackfillPool,
    scheduler: Scheduler<Work>,
    gauges: Gauges,
    feeders: Vec<[Feeder; 2]>,
    attendance: JoinSet<()>,
    /// Positions that are set aside and known to the scheduler.
    parked: Vec<HashSet<u64>>,
    streams: HashMap<Arc<str>, Vec<usize>>,
    hasher: RandomState,
    events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
}

impl<D: Domain> Engine<D> {
    pub(super) fn new(context: Arc<Context<D>>, options: Options, pool: BackfillPool) -> Self {
        let count = context.subscriptions.len();
        let limits = Limits {
            primary_slots: options.primary_concurrency,
            backfill_slots: options.backfill_concurrency,
            batch_max: BATCH_MAX,
            buffer_max: BUFFER_MAX,
            min_share: context.app.config().server.priority_lanes.min_share,
        };
        let mut streams: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (nth, subscription) in context.subscriptions.iter().enumerate() {
            streams
                .entry(subscription.stream.clone())
                .or_default()
                .push(nth);
        }
        Self {
            options,
            pool,
            scheduler: Scheduler::new(count, limits),
            gauges: Gauges::new(count),
            feeders: Vec::with_capacity(count),
            attendance: JoinSet::new(),
            parked: vec![HashSet::new(); count],
            streams,
            hasher: RandomState::new(),
            events: mpsc::channel(EVENTS_MAX),
            context,
        }
    }

    pub(super) async fn run(
        mut self,
        mut listener: Box<dyn Listener>,
        shutdown: impl Future<Output = ()>,
    ) -> Summary {
        self.start_attendance();
        self.start_feeders();
        let mut shutdown = pin!(shutdown);
        let mut heartbeat = tokio::time::interval(gauges::INTERVAL);
        let mut last_beat = Instant::now();
        loop {
            self.act();
            let due = self.scheduler.wake_at();
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(event) = self.events.1.recv() => self.take_events(event),
                wake = listener.wake() => self.woken(wake),
                () = sleep_until(&self.context, due) => {}
                _ = heartbeat.tick() => {
                    self.report(last_beat.elapsed());
                    last_beat = Instant::now();
                }
            }
        }
        self.drain().await
    }

    /// Has done what the broker needs done; it ends with the engine.
    fn start_attendance(&mut self) {
        for lane in Lane::ALL {
            let broker = self.context.app.tier().broker.clone();
            let attend = async move { broker.attend(lane).await };
            match (lane, self.pool.handle()) {
                (Lane::Backfill, Some(pool)) => self.attendance.spawn_on(attend, pool),
                _ => self.attendance.spawn(attend),
            };
        }
    }

    fn start_feeders(&mut self) {
        for subscription in 0..self.context.subscriptions.len() {
            let (primary, primary_inbox) = Feeder::new();
            let (backfill, backfill_inbox) = Feeder::new();
            tokio::spawn(feeder::feed(
                self.context.clone(),
                subscription,
                [primary_inbox, backfill_inbox],
                self.events.0.clone(),
                self.pool.handle().cloned(),
            ));
            self.feeders.push([primary, backfill]);
        }
    }

    /// Does what the scheduler wants done.
    fn act(&mut self) {
        while let Some(action) = self.scheduler.poll(self.context.now()) {
            match action {
                Action::Fetch {
                    subscription,
                    lane,
                    count_max,
                } => {
                    self.request(subscription, lane, Request::Fetch { count_max });
                }
                Action::FetchParked {
                    subscription,
                    lane,
                    position,
                    key,
                } => {
                    let request = Request::FetchParked { position, key };
                    self.request(subscription, lane, request);
                }
                Action::Run(run) => self.start(run),
            }
        }
        self.context.set_yielding(self.scheduler.primary_waits());
    }

    fn request(&self, subscription: usize, lane: Lane, request: Request) {
        // The scheduler keeps to REQUESTS_MAX, so this fails only when the feeder is gone, which
        // it is only when the engine is.
        let feeder = &self.feeders[subscription][lane.index()];
        if let Err(error) = feeder.requests.try_send(request) {
            tracing::error!(%error, "a feeder takes no requests");
        }
    }

    fn start(&self, run: Run<Work>) {
        let reports = self.events.0.clone();
        let lane = run.lane;
        let work = batch::run(self.context.clone(), run);
        let reported = async move {
            let finished = work.await;
            // The engine being gone is like a crash: what is committed is committed.
            let _ = reports.send(Event::Finished(finished)).await;
        };
        match (lane, self.pool.handle()) {
            (Lane::Backfill, Some(pool)) => pool.spawn(reported),
            _ => tokio::spawn(reported),
        };
    }

    /// Takes an event and all that came with it, so that the scheduler decides on the newest state.
    fn take_events(&mut self, event: Event) {
        self.take(event);
        while let Ok(event) = self.events.1.try_recv() {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Fed(subscription, Answer::Claimed { parked }) => {
                self.learn_parked(subscription, parked);
                self.scheduler.claimed(subscription);
            }
            Event::Fed(subscription, Answer::Parked { parked }) => {
                self.learn_parked(subscription, parked);
            }
            Event::Fed(
                subscription,
                Answer::Fetched {
                    lane,
                    deliveries,
                    more,
                },
            ) => {
                let items: Vec<_> = deliveries
                    .into_iter()
                    .map(|delivery| self.item(delivery))
                    .collect();
                self.scheduler.fetched(subscription, lane, items, more);
            }
            Event::Fed(
                subscription,
                Answer::FetchedParked {
                    lane,
                    position,
                    key,
                    delivery,
                },
            ) => {
                if delivery.is_none() {
                    self.parked[subscription].remove(&position);
                }
                let item = delivery.map(|delivery| self.item(delivery));
                self.scheduler.fetched_parked(subscription, lane, key, item);
            }
            Event::Finished(finished) => self.finish(finished),
        }
    }

    fn finish(&mut self, finished: Finished) {
        let Finished {
            subscription,
            lane,
            mut outcomes,
        } = finished;
        let mut settled = 0;
        for (item, outcome) in &mut outcomes {
            let delivery = &item.body.delivery;
            match outcome {
                Outcome::Unrun => {}
                Outcome::Parked { position, .. } => {
                    let listed = !self.parked[subscription].insert(*position);
                    // A list that was made after the commit has told the scheduler already.
                    if listed && delivery.place != Place::Parked {
                        *outcome = Outcome::Done;
                    }
                }
                Outcome::Done => {
                    settled += 1;
                    if delivery.place == Place::Parked {
                        self.parked[subscription].remove(&delivery.position.0);
                    }
                }
            }
        }
        let places = outcomes.iter().filter_map(|(item, outcome)| {
            let place = item.body.delivery.place;
            (*outcome != Outcome::Unrun && place != Place::Parked).then_some(place)
        });
        self.feeders[subscription][lane.index()].settled(places);
        self.gauges.settled(subscription, lane, settled);
        self.scheduler.finished(subscription, lane, outcomes);
    }

    fn woken(&mut self, wake: Wake) {
        match wake {
            Wake::Published(all) => {
                for published in all {
                    for subscription in self.streams.get(&published.stream).into_iter().flatten() {
                        self.scheduler.published(*subscription, published.lane);
                    }
                }
            }
            Wake::Anything => {
                for subscription in 0..self.feeders.len() {
                    for lane in Lane::ALL {
                        self.scheduler.published(subscription, lane);
                    }
                    // A full queue of requests is a subscription that is not claimed yet, or one
                    // that will list what is set aside anyway.
                    for feeder in &self.feeders[subscription] {
                        let _ = feeder.requests.try_send(Request::ListParked);
                    }
                }
            }
        }
    }

    /// Tells the scheduler about what is set aside and new to it.
    fn learn_parked(&mut self, subscription: usize, parked: Vec<Parked>) {
        let (now, wall) = (self.context.now(), Timestamp::now());
        for Parked {
            position,
            lane,
            key,
            due,
        } in parked
        {
            if !self.parked[subscription].insert(position.0) {
                continue;
            }
            let delay = due.map_or(Duration::ZERO, |due| {
                Duration::try_from(due.duration_since(wall)).unwrap_or_default()
            });
            let key = key.map(|key| self.hasher.hash_one(key.as_str()));
            self.scheduler
                .parked(subscription, lane, position.0, key, now + delay);
        }
    }

    fn item(&self, delivery: Delivery) -> Item<Work> {
        let key = delivery
            .message
            .key
            .as_deref()
            .map(|key| self.hasher.hash_one(key));
        Item {
            key,
            band: delivery.message.band(),
            body: Work {
                delivery,
                conflicts: 0,
            },
        }
    }

    fn report(&mut self, elapsed: Duration) {
        for feeder in self.feeders.iter_mut().flatten() {
            feeder.settled([]);
        }
        let scheduler = &self.scheduler;
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
    async fn drain(mut self) -> Summary {
        self.scheduler.stop();
        self.context.set_yielding(true);
        let deadline = tokio::time::Instant::now() + self.options.drain_timeout;
        while !self.scheduler.is_idle() {
            match tokio::time::timeout_at(deadline, self.events.1.recv()).await {
                Ok(Some(event)) => self.take(event),
                Ok(None) | Err(_) => break,
            }
        }
        Summary {
            primary: self.gauges.total(Lane::Primary),
            backfill: self.gauges.total(Lane::Backfill),
            interrupted: !self.scheduler.is_idle(),
        }
    }
}

async fn sleep_until<D: Domain>(context: &Context<D>, due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due.saturating_sub(context.now())).await,
        None => std::future::pending().await,
    }
}
