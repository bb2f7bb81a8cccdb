//! The task that owns the scheduler, and drives it as the engine does.

use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::port::broker::Place;
use protean_server::lane::{Action, Item, Outcome, Run};

use super::batch::{self, Finished, Work};
use super::driver::Driver;
use super::feeder::{self, Answer, Feeder, Request};
use super::{News, Process};
use crate::message::{Delivery, KEYS, MessageId};

/// How long what runs may take after a request to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What feeders and workers report.
pub(crate) enum Event {
    Fed(usize, Answer),
    Finished(Finished),
}

/// The hash of a key.
pub(crate) fn hash(key: &str) -> u64 {
    let nth = KEYS.iter().position(|known| *known == key);
    nth.unwrap_or_default() as u64
}

fn item(delivery: Delivery) -> Item<Work> {
    Item {
        key: delivery.logged.draft.key.map(hash),
        lane: delivery.logged.draft.lane,
        position: delivery.logged.id as u64,
        band: delivery.logged.draft.band,
        body: Work {
            delivery,
            conflicts: 0,
        },
    }
}

struct Engine {
    process: Rc<Process>,
    driver: Driver,
    feeders: Vec<[Rc<Feeder>; 2]>,
    /// Messages that are set aside and known to the scheduler.
    parked: Vec<HashSet<MessageId>>,
}

/// Runs every subscription until the process dies or is asked to stop.
pub(super) async fn run(process: Rc<Process>) {
    let count = process.world.plan.subscriptions;
    let mut engine = Engine {
        driver: Driver::new(&process.world, process.owner),
        feeders: (0..count).map(|_| [Feeder::new(), Feeder::new()]).collect(),
        parked: vec![HashSet::new(); count],
        process: process.clone(),
    };
    for (subscription, feeders) in engine.feeders.iter().enumerate() {
        let feed = feeder::feed(process.clone(), subscription, feeders.clone());
        process.world.clock.spawn(process.owner, feed);
    }
    let clock = &process.world.clock;
    while !process.stopping.get() {
        engine.act();
        let due = engine.driver.wake_at();
        process.inbox.wait(clock, due).await;
        while let Some(event) = process.inbox.try_recv() {
            engine.take(event);
        }
        let news = process.news.take();
        engine.woken(&news);
    }
    engine.drain().await;
    process.leave().await;
    let last = process.clone();
    process.world.clock.spawn(crate::world::NOBODY, async move {
        last.kill();
    });
}

impl Engine {
    /// Does what the scheduler wants done.
    fn act(&mut self) {
        let now = self.process.world.now();
        while let Some(action) = self.driver.poll(now) {
            match action {
                Action::Fetch {
                    subscription,
                    lane,
                    count_max,
                } => self.request(subscription, lane, Request::Fetch { count_max }),
                Action::FetchParked {
                    subscription,
                    lane,
                    position,
                    key,
                } => {
                    let id = usize::try_from(position).unwrap_or_default();
                    self.request(subscription, lane, Request::FetchParked { id, key });
                }
                Action::Run(run) => self.start(run),
            }
        }
        self.driver.check_idle();
        self.process.yielding.set(self.driver.primary_waits());
        let all = 0..self.process.world.plan.subscriptions;
        let at_rest = all.filter(|nth| self.driver.is_at_rest(*nth)).collect();
        self.process.at_rest.replace(at_rest);
    }

    fn request(&self, subscription: usize, lane: Lane, request: Request) {
        let feeder = &self.feeders[subscription][lane.index()];
        feeder.requests.send(&self.process.world.clock, request);
    }

    fn start(&self, run: Run<Work>) {
        let process = self.process.clone();
        let owner = process.owner;
        process.world.clone().clock.spawn(owner, async move {
            let finished = batch::run(process.clone(), run).await;
            process
                .inbox
                .send(&process.world.clock, Event::Finished(finished));
        });
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Fed(subscription, Answer::Claimed { parked }) => {
                self.learn_parked(subscription, parked);
                self.driver.claimed(subscription);
            }
            Event::Fed(subscription, Answer::Parked { parked }) => {
                self.learn_parked(subscription, parked);
            }
            Event::Fed(subscription, Answer::Fetched { lane, found, more }) => {
                let items = found.into_iter().map(item).collect();
                self.driver.fetched(subscription, lane, items, more);
            }
            Event::Fed(
                subscription,
                Answer::FetchedParked {
                    lane,
                    id,
                    key,
                    found,
                },
            ) => {
                if found.is_none() {
                    self.parked[subscription].remove(&id);
                }
                let item = found.map(item);
                self.driver
                    .fetched_parked(subscription, lane, id, key, item);
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
        let mut places = Vec::new();
        for (item, outcome) in &mut outcomes {
            let delivery = &item.body.delivery;
            match outcome {
                Outcome::Unrun => continue,
                Outcome::Parked { .. } => {
                    let listed = !self.parked[subscription].insert(delivery.logged.id);
                    if listed && delivery.place != Place::Parked {
                        *outcome = Outcome::Done;
                    }
                }
                Outcome::Done if delivery.place == Place::Parked => {
                    self.parked[subscription].remove(&delivery.logged.id);
                }
                Outcome::Done => {}
            }
            if delivery.place != Place::Parked {
                places.push(delivery.place);
            }
        }
        self.feeders[subscription][lane.index()].settled(&self.process.world.clock, places);
        self.driver.finished(subscription, lane, outcomes);
    }

    fn woken(&mut self, news: &News) {
        for (stream, lane) in &news.published {
            for subscription in self.process.world.plan.readers(*stream) {
                self.driver.published(subscription, *lane);
            }
        }
        if !news.everything {
            return;
        }
        for subscription in 0..self.feeders.len() {
            for lane in Lane::ALL {
                self.driver.published(subscription, lane);
                self.request(subscription, lane, Request::ListParked);
            }
        }
    }

    /// Tells the scheduler about what is set aside and new to it.
    fn learn_parked(&mut self, subscription: usize, parked: Vec<(MessageId, Duration)>) {
        for (id, due) in parked {
            if self.parked[subscription].insert(id) {
                self.driver.parked(subscription, id, due);
            }
        }
    }

    /// Lets what runs finish, for a while.
    async fn drain(&mut self) {
        self.driver.stop();
        self.process.yielding.set(true);
        let clock = &self.process.world.clock;
        let deadline = clock.now() + DRAIN_TIMEOUT;
        while !self.driver.is_idle() && clock.now() < deadline {
            self.process.inbox.wait(clock, Some(deadline)).await;
            while let Some(event) = self.process.inbox.try_recv() {
                if let Event::Finished(finished) = event {
                    self.driver
                        .finished(finished.subscription, finished.lane, finished.outcomes);
                }
            }
        }
    }
}
