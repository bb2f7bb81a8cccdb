//! A server process: engine, feeders, signs of life, relays. Everything in it dies with it.

mod attend;
mod batch;
mod driver;
mod engine;
mod feeder;
mod relay;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use protean_core::Lane;

use crate::clock::{Mailbox, Owner};
use crate::plan::Tier;
use crate::world::{Published, World};

pub(crate) use batch::Work;
pub(crate) use engine::Event;

/// What was heard and not looked at.
#[derive(Default)]
pub(crate) struct News {
    published: BTreeSet<Published>,
    everything: bool,
}

/// This process's part in one subscription.
pub(crate) struct Consumer {
    subscription: usize,
    pub(crate) id: Cell<u64>,
    /// Whether somebody has declared it dead.
    lost: Cell<bool>,
}

/// One life of a server process.
pub(crate) struct Process {
    pub(crate) world: Rc<World>,
    pub(crate) owner: Owner,
    pub(crate) inbox: Rc<Mailbox<Event>>,
    news: RefCell<News>,
    relay_ears: [Rc<Mailbox<()>>; 2],
    consumers: RefCell<Vec<Rc<Consumer>>>,
    /// Whether backfill runs should end at their next message.
    pub(crate) yielding: Cell<bool>,
    pub(crate) stopping: Cell<bool>,
    pub(crate) redis_epoch: [Cell<u64>; 2],
    /// The heads of queues at the last look.
    heads: RefCell<BTreeMap<u64, u64>>,
    /// The subscriptions that have nothing to do on their primary lanes.
    pub(crate) at_rest: RefCell<BTreeSet<usize>>,
    /// Up to where subscriptions were on queues when this process has last moved them.
    pub(crate) known: RefCell<BTreeMap<(usize, u64), u64>>,
}

impl Process {
    /// Starts a process.
    pub(crate) fn start(world: &Rc<World>) {
        let owner = world.lives.get() + 1;
        world.lives.set(owner);
        let epoch = world.redis.borrow().epoch;
        let process = Rc::new(Self {
            world: world.clone(),
            owner,
            inbox: Mailbox::new(),
            news: RefCell::default(),
            relay_ears: [Mailbox::new(), Mailbox::new()],
            consumers: RefCell::default(),
            yielding: Cell::new(false),
            stopping: Cell::new(false),
            redis_epoch: [Cell::new(epoch), Cell::new(epoch)],
            heads: RefCell::default(),
            at_rest: RefCell::default(),
            known: RefCell::default(),
        });
        world.watch.note(|| format!("process {owner} starts"));
        world.processes.borrow_mut().push(process.clone());
        world.clock.spawn(owner, engine::run(process.clone()));
        world.clock.spawn(owner, attend::beat(process.clone()));
        world.clock.spawn(owner, attend::listen(process.clone()));
        if world.plan.tier == Tier::Distributed {
            world.clock.spawn(owner, attend::watch(process.clone()));
            for lane in Lane::ALL {
                world
                    .clock
                    .spawn(owner, relay::attend(process.clone(), lane));
            }
        }
    }

    /// Kills it: nothing of it goes on, and nobody is told.
    pub(crate) fn kill(&self) {
        let world = &self.world;
        world
            .watch
            .note(|| format!("process {} is gone", self.owner));
        world.clock.kill(self.owner);
        world.watch.gone(self.owner);
        world
            .processes
            .borrow_mut()
            .retain(|one| one.owner != self.owner);
        for leader in &mut world.store.borrow_mut().leaders {
            leader.take_if(|leader| *leader == self.owner);
        }
    }

    /// Commits were made, which the database tells.
    pub(crate) fn hear(&self, published: &[Published]) {
        for ear in &self.relay_ears {
            ear.poke(&self.world.clock);
        }
        if self.world.plan.tier == Tier::Database {
            self.news.borrow_mut().published.extend(published);
            self.inbox.poke(&self.world.clock);
        }
    }

    /// Something is new that the database does not tell of.
    pub(crate) fn hear_of_arrival(&self, published: Published) {
        self.news.borrow_mut().published.insert(published);
        self.inbox.poke(&self.world.clock);
    }

    pub(crate) fn hear_of_everything(&self) {
        self.news.borrow_mut().everything = true;
        self.inbox.poke(&self.world.clock);
    }

    /// The number of the consumer that takes part in a subscription.
    fn consumer(&self, subscription: usize) -> Option<u64> {
        let consumers = self.consumers.borrow();
        let own = consumers
            .iter()
            .find(|one| one.subscription == subscription);
        own.map(|one| one.id.get())
    }

    pub(crate) fn owns(&self, consumer: u64) -> bool {
        let consumers = self.consumers.borrow();
        consumers.iter().any(|one| one.id.get() == consumer)
    }
}
