//! The world that processes live in: time, servers, notifications.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;

use crate::clock::{Clock, Owner};
use crate::plan::Plan;
use crate::planted::Planted;
use crate::process::Process;
use crate::random::Random;
use crate::redis::Redis;
use crate::store::Store;
use crate::watch::Watch;

/// Whose tasks those of the world itself are.
pub(crate) const NOBODY: Owner = 0;

/// How long a notification may take.
const NOTIFY_MAX: Duration = Duration::from_millis(3);

/// A server did not answer: it may have done what it was asked for, or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Away;

/// A lane of a stream.
pub(crate) type Published = (usize, Lane);

/// The world.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) plan: Rc<Plan>,
    pub(crate) random: Random,
    pub(crate) watch: Rc<Watch>,
    pub(crate) planted: Option<Planted>,
    pub(crate) store: RefCell<Store>,
    pub(crate) redis: RefCell<Redis>,
    /// The servers do not answer before then.
    pub(crate) store_back: Cell<Duration>,
    pub(crate) redis_back: Cell<Duration>,
    pub(crate) processes: RefCell<Vec<Rc<Process>>>,
    pub(crate) lives: Cell<Owner>,
    /// Nothing goes wrong any more.
    pub(crate) calm: Cell<bool>,
    /// Producers that are not done.
    pub(crate) producing: Cell<usize>,
}

impl World {
    pub(crate) fn new(seed: u64, planted: Option<Planted>, traced: bool) -> Rc<Self> {
        let random = Random::new(seed);
        let mut plan = Plan::of(&random);
        if let Some(bug) = planted {
            bug.favour(&mut plan);
        }
        let plan = Rc::new(plan);
        let watch = Rc::new(Watch::new(traced));
        Rc::new(Self {
            clock: Clock::new(random.next()),
            store: RefCell::new(Store::new(plan.clone(), watch.clone(), planted)),
            redis: RefCell::new(Redis::new(plan.clone(), watch.clone(), planted)),
            plan,
            random,
            watch,
            planted,
            store_back: Cell::default(),
            redis_back: Cell::default(),
            processes: RefCell::default(),
            lives: Cell::new(NOBODY),
            calm: Cell::new(false),
            producing: Cell::new(0),
        })
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(crate) fn is_planted(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    /// True this often, while things go wrong at all.
    pub(crate) fn goes_wrong(&self, part: f64) -> bool {
        !self.calm.get() && self.random.chance(part)
    }

    /// The time that a server or the way to it takes.
    pub(crate) async fn latency(&self) {
        let most = self.plan.latency_max;
        let pause = self.random.stretch(most / 20, most);
        self.clock.sleep(pause).await;
    }

    /// Has the store do something.
    pub(crate) async fn ask<T>(&self, what: impl FnOnce(&mut Store) -> T) -> Result<T, Away> {
        self.latency().await;
        if self.store_back.get() > self.now() {
            return Err(Away);
        }
        let done = what(&mut self.store.borrow_mut());
        let answered = !self.goes_wrong(self.plan.troubles.mute);
        self.latency().await;
        if answered { Ok(done) } else { Err(Away) }
    }

    /// Has the store do something; what became of it is found out, however long it takes.
    pub(crate) async fn transact<T>(&self, what: impl FnOnce(&mut Store) -> T) -> Result<T, Away> {
        self.latency().await;
        if self.store_back.get() > self.now() {
            return Err(Away);
        }
        let done = what(&mut self.store.borrow_mut());
        self.latency().await;
        while self.store_back.get() > self.now() {
            self.latency().await;
        }
        Ok(done)
    }

    /// Has Redis do something, over the connection that a lane of a process shares. One that broke
    /// is noticed by whoever uses it next.
    pub(crate) async fn tell<T>(
        &self,
        process: &Process,
        lane: Lane,
        what: impl FnOnce(&mut Redis) -> T,
    ) -> Result<T, Away> {
        self.latency().await;
        let epoch = self.redis.borrow().epoch;
        if process.redis_epoch[lane.index()].replace(epoch) != epoch {
            return Err(Away);
        }
        if self.redis_back.get() > self.now() {
            return Err(Away);
        }
        let done = what(&mut self.redis.borrow_mut());
        let answered = !self.goes_wrong(self.plan.troubles.mute);
        self.latency().await;
        if answered { Ok(done) } else { Err(Away) }
    }

    /// Tells everybody of a commit: its own process at once, others with a notification.
    pub(crate) fn ring(self: &Rc<Self>, from: Owner, published: &[Published]) {
        for process in self.processes.borrow().iter() {
            if process.owner == from {
                process.hear(published);
                continue;
            }
            if self.goes_wrong(self.plan.troubles.deaf) {
                continue;
            }
            let (process, published) = (process.clone(), published.to_vec());
            self.notify(move || process.hear(&published));
        }
    }

    /// Tells everybody that anything may be anybody's.
    pub(crate) fn ring_everything(self: &Rc<Self>) {
        for process in self.processes.borrow().iter() {
            if !self.goes_wrong(self.plan.troubles.deaf) {
                let process = process.clone();
                self.notify(move || process.hear_of_everything());
            }
        }
    }

    /// Tells whoever watches Redis that a stream has something.
    pub(crate) fn ring_watchers(self: &Rc<Self>, published: Published) {
        for process in self.processes.borrow().iter() {
            if !self.goes_wrong(self.plan.troubles.deaf) {
                let process = process.clone();
                self.notify(move || process.hear_of_arrival(published));
            }
        }
    }

    fn notify(self: &Rc<Self>, tell: impl FnOnce() + 'static) {
        let world = self.clone();
        self.clock.spawn(NOBODY, async move {
            let late = world.random.stretch(Duration::ZERO, NOTIFY_MAX);
            world.clock.sleep(late).await;
            tell();
        });
    }

    pub(crate) fn is_alive(&self, owner: Owner) -> bool {
        self.processes
            .borrow()
            .iter()
            .any(|process| process.owner == owner)
    }

    /// Everybody alive may have something that others are given, too.
    pub(crate) fn doubt_everybody(&self) {
        for process in self.processes.borrow().iter() {
            self.watch.doubt(process.owner);
        }
    }
}
