//! The task that owns the scheduler.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use protean_core::domain::Domain;
use protean_core::lane::Band;
use protean_core::port::broker::{Ahead, Delivery, Listener, Parked, Place, Wake};
use protean_core::throttle::Throttles;
use protean_core::{Lane, Priority};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::batch::{self, Finished, Work};
use super::cleaner;
use super::context::Context;
use super::controls;
use super::feeder::{self, Answer, Request};
use super::gauges::{self, Gauges};
use super::in_hand::InHand;
use super::lookout;
use super::pool::BackfillPool;
use super::post::Post;
use super::presence;
use super::processor;
use super::{Options, Summary};
use crate::lane::{Action, Item, Limits, Outcome, Run, Scheduler};

/// Messages in one backfill run. Its time is bounded by the quantum; this bounds its memory.
const BATCH_MAX: usize = 512;

/// Messages of one lane of one subscription that are read ahead.
const BUFFER_MAX: usize = 2 * BATCH_MAX;

/// Reports that wait for the engine; whoever has one more waits.
const EVENTS_MAX: usize = 1_024;

/// What feeders and workers report, and operators ask.
pub(super) enum Event {
    Fed(usize, Answer),
    Asked(Throttles),
    Finished(Finished),
}

impl From<(usize, Answer)> for Event {
    fn from((subscription, answer): (usize, Answer)) -> Self {
        Self::Fed(subscription, answer)
    }
}

impl From<Throttles> for Event {
    fn from(asked: Throttles) -> Self {
        Self::Asked(asked)
    }
}

pub(super) struct Engine<D> {
    pub(super) context: Arc<Context<D>>,
    pub(super) options: Options,
    pool: BackfillPool,
    pub(super) scheduler: Scheduler<Work>,
    pub(super) gauges: Gauges,
    pub(super) feeders: Vec<[Post; 2]>,
    pub(super) attendance: JoinSet<()>,
    /// Positions that are set aside and known to the scheduler.
    parked: Vec<HashSet<u64>>,
    /// The backfill messages that may come by two ways.
    in_hand: Vec<InHand>,
    streams: HashMap<Arc<str>, Vec<usize>>,
    hasher: RandomState,
    pub(super) events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
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
            order: context.order,
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
            in_hand: (0..count).map(|_| InHand::new(context.order)).collect(),
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
        self.start_watch();
        self.start_lookout();
        self.start_feeders();
        // Before anybody is told of this server: one that has not begun looks like one that drains.
        self.context.monitor.set_running(true);
        self.start_presence();
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

    /// Has done what the broker needs done, and what is old removed; it ends with the engine.
    fn start_attendance(&mut self) {
        for lane in Lane::ALL {
            let broker = self.context.app.tier().broker.clone();
            self.attend(lane, async move { broker.attend(lane).await });
        }
        self.attend(Lane::Backfill, cleaner::clean(self.context.clone()));
    }

    fn attend(&mut self, lane: Lane, work: impl Future<Output = ()> + Send + 'static) {
        match (lane, self.pool.handle()) {
            (Lane::Backfill, Some(pool)) => self.attendance.spawn_on(work, pool),
            _ => self.attendance.spawn(work),
        };
    }

    /// Holds to what operators ask, as soon as that is known.
    fn start_watch(&mut self) {
        self.throttle(&controls::unknown());
        let controls = self.context.app.tier().controls.clone();
        let own_parts = self.context.subscriptions.len() as u64;
        let changes = self.events.0.clone();
        self.attendance
            .spawn(controls::watch(controls, own_parts, changes));
    }

    /// Looks out for backfill that makes no progress.
    fn start_lookout(&mut self) {
        self.attendance
            .spawn(lookout::look_out(self.context.clone()));
    }

    /// Tells that this server is alive.
    fn start_presence(&mut self) {
        self.attendance.spawn(presence::tell(self.context.clone()));
    }

    fn throttle(&mut self, asked: &Throttles) {
        let shared = controls::shared(asked, &self.context.subscriptions);
        self.scheduler.throttle(self.context.now(), shared);
    }

    fn start_feeders(&mut self) {
        for subscription in 0..self.context.subscriptions.len() {
            let (primary, primary_inbox) = Post::new();
            let (backfill, backfill_inbox) = Post::new();
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
        let broker = &self.context.app.tier().broker;
        self.scheduler
            .set_overlap(broker.overlap(self.options.backfill_concurrency));
        while let Some(action) = self.scheduler.poll(self.context.now()) {
            match action {
                Action::Fetch {
                    subscription,
                    lane,
                    count_max,
                } => {
                    self.in_hand[subscription].asked(lane);
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
        for subscription in 0..self.context.subscriptions.len() {
            let at_rest = self.scheduler.is_at_rest(subscription);
            self.context.set_at_rest(subscription, at_rest);
        }
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
        let (context, lane) = (self.context.clone(), run.lane);
        let reported = async move {
            let finished = match lane {
                Lane::Primary => batch::run(context, run).await,
                Lane::Backfill => processor::run_and_rest(context, run).await,
            };
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

    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::Fed(subscription, Answer::Claimed { parked }) => {
                self.learn_parked(subscription, parked);
                self.scheduler.claimed(subscription);
                self.stands(subscription);
            }
            Event::Fed(subscription, Answer::Parked { parked }) => {
                self.learn_parked(subscription, parked);
            }
            Event::Fed(
                subscription,
                Answer::Fetched {
                    lane,
                    ahead,
                    deliveries,
                    more,
                },
            ) => {
                self.fetched(subscription, lane, (ahead, deliveries), more);
            }
            Event::Fed(subscription, Answer::News { lane }) => {
                self.scheduler.published(subscription, lane);
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
                let place = (lane, position);
                self.scheduler
                    .fetched_parked(subscription, place, key, item);
            }
            Event::Asked(throttles) => self.throttle(&throttles),
            Event::Finished(finished) => self.finish(finished),
        }
    }

    fn fetched(
        &mut self,
        subscription: usize,
        lane: Lane,
        (ahead, deliveries): (Ahead, Vec<Delivery>),
        more: bool,
    ) {
        self.learn_parked(subscription, ahead.parked);
        let keyed = ahead.deliveries.iter().filter_map(|one| {
            let key = one.message.key.as_deref()?;
            Some((self.hasher.hash_one(key), one.position.0 + 1))
        });
        let promoted: Vec<_> = keyed.collect();
        let found = ahead.deliveries.into_iter().chain(deliveries);
        let new = self.in_hand[subscription].admit(lane, found);
        let items: Vec<_> = new.into_iter().map(|one| self.item(one)).collect();
        self.scheduler.fetched(subscription, lane, items, more);
        for (key, before) in promoted {
            self.promote(subscription, key, before);
        }
    }

    /// Promotes the backfill messages of a key before a position. Whoever waits for them may be of
    /// any primary band; they go as those of the usual one do.
    fn promote(&mut self, subscription: usize, key: u64, before: u64) {
        let band = Band::of(Priority::Normal);
        self.scheduler.promote(subscription, key, before, band);
    }

    fn finish(&mut self, finished: Finished) {
        let Finished {
            subscription,
            lane,
            mut outcomes,
            along,
            signs,
            rest,
        } = finished;
        for of in along {
            self.gauges.settled(of, Lane::Primary, 1);
        }
        if !rest.is_zero() {
            self.scheduler.rest(self.context.now(), rest);
        }
        let whose = (subscription, &self.context.subscriptions[subscription]);
        if signs.tell(&mut self.scheduler, whose) {
            self.stands(subscription);
        }
        let mut settled = [0; 2];
        for (item, outcome) in &mut outcomes {
            let delivery = &item.body.delivery;
            if *outcome != Outcome::Unrun {
                self.in_hand[subscription].leave(delivery.position.0);
            }
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
                    settled[item.lane.index()] += 1;
                    if delivery.place == Place::Parked {
                        self.parked[subscription].remove(&delivery.position.0);
                    }
                }
            }
        }
        for came_on in Lane::ALL {
            let places = outcomes.iter().filter_map(|(item, outcome)| {
                let place = item.body.delivery.place;
                let gone = *outcome != Outcome::Unrun && place != Place::Parked;
                (gone && item.lane == came_on).then_some(place)
            });
            self.feeders[subscription][came_on.index()].settled(places);
            let settled = settled[came_on.index()];
            self.gauges.settled(subscription, came_on, settled);
        }
        self.scheduler.finished(subscription, lane, outcomes);
    }

    fn woken(&mut self, wake: Wake) {
        match wake {
            Wake::Published(all) => {
                for published in all {
                    for nth in self.streams.get(&published.stream).into_iter().flatten() {
                        if published.concerns(&self.context.subscriptions[*nth]) {
                            self.scheduler.published(*nth, published.lane);
                        }
                    }
                }
            }
            Wake::Awaited(all) => {
                for one in all {
                    let mut known = self.context.subscriptions.iter();
                    let Some(nth) = known.position(|it| *it == one.subscription) else {
                        continue;
                    };
                    let key = self.hasher.hash_one(one.key.as_str());
                    self.promote(nth, key, one.before.0);
                }
            }
            Wake::Anything => {
                self.context.freed.notify_waiters();
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
            lane: delivery.lane,
            position: delivery.position.0,
            band: delivery.message.band(),
            body: Work {
                delivery,
                conflicts: 0,
                alone: false,
            },
        }
    }
}

async fn sleep_until<D: Domain>(context: &Context<D>, due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due.saturating_sub(context.now())).await,
        None => std::future::pending().await,
    }
}
