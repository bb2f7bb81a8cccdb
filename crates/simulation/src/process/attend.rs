//! What a process does beside its work: signs of life, and looking for what nobody told it.

use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;

use super::{Consumer, Process};
use crate::store::Store;
use crate::world::Away;

/// How often a process says that it is alive, and how long it may say nothing.
const BEAT_INTERVAL: Duration = Duration::from_millis(500);
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(3);

/// How often the heads of the queues are looked at, and streams without any wake.
const BACKSTOP: Duration = Duration::from_secs(1);

impl Process {
    /// Takes part in a subscription.
    pub(super) async fn join(&self, subscription: usize) -> Result<Rc<Consumer>, Away> {
        let id = self.world.ask(|store| store.join(self.world.now())).await?;
        let consumer = Rc::new(Consumer {
            subscription,
            id: id.into(),
            lost: false.into(),
        });
        self.consumers.borrow_mut().push(consumer.clone());
        Ok(consumer)
    }

    /// Takes part again where a consumer was declared dead.
    pub(crate) async fn rejoin(&self, consumer: &Consumer) -> Result<(), Away> {
        if !consumer.lost.get() {
            return Ok(());
        }
        let id = self.world.ask(|store| store.join(self.world.now())).await?;
        consumer.id.set(id);
        consumer.lost.set(false);
        Ok(())
    }

    async fn beat(&self) -> Result<(), Away> {
        let all: Vec<Rc<Consumer>> = self.consumers.borrow().clone();
        let ids: Vec<u64> = all.iter().map(|one| one.id.get()).collect();
        let beat = |store: &mut Store| store.beat(self.world.now(), &ids);
        let known = self.world.ask(beat).await?;
        for (consumer, id) in all.iter().zip(&ids) {
            if !known.contains(id) {
                consumer.lost.set(true);
            }
        }
        Ok(())
    }

    /// Frees what the dead held.
    async fn bury(&self) -> Result<(), Away> {
        let silent = |store: &mut Store| store.silent(self.world.now(), SILENCE_MAX);
        let silent = self.world.ask(silent).await?;
        if silent.is_empty() {
            return Ok(());
        }
        self.world
            .watch
            .note(|| format!("process {} buries {silent:?}", self.owner));
        for process in self.world.processes.borrow().iter() {
            if silent.iter().any(|id| process.owns(*id)) {
                self.world.watch.doubt(process.owner);
            }
        }
        self.world.ask(|store| store.remove(&silent)).await?;
        self.world.ring_everything();
        Ok(())
    }

    /// Says goodbye.
    pub(super) async fn leave(&self) {
        let ids: Vec<u64> = self
            .consumers
            .borrow()
            .iter()
            .map(|one| one.id.get())
            .collect();
        if self.world.ask(|store| store.remove(&ids)).await.is_ok() {
            self.world.ring_everything();
        }
    }

    async fn look(&self) -> Result<(), Away> {
        let heads = |store: &mut Store| (store.has_orphans(), store.heads());
        let (orphans, heads) = self.world.ask(heads).await?;
        if orphans {
            self.hear_of_everything();
        }
        let mut grown = Vec::new();
        for (queue, head, published) in heads {
            if self.heads.borrow_mut().insert(queue, head) != Some(head) {
                grown.push(published);
            }
        }
        if !grown.is_empty() {
            self.hear(&grown);
        }
        Ok(())
    }
}

/// Says that the process is alive, and buries the dead.
pub(super) async fn beat(process: Rc<Process>) {
    let clock = &process.world.clock;
    let mut well_since = clock.now();
    loop {
        clock.sleep(BEAT_INTERVAL).await;
        let mut beaten = process.beat().await;
        // After the database was away everybody has been silent: give them time to come back.
        if beaten.is_ok() && clock.now() - well_since > SILENCE_MAX {
            beaten = process.bury().await;
        }
        if beaten.is_err() {
            well_since = clock.now();
        }
    }
}

/// Looks at the heads of the queues; after a broken connection nobody knows what was missed.
pub(super) async fn listen(process: Rc<Process>) {
    let world = &process.world;
    loop {
        process.hear_of_everything();
        loop {
            world.clock.sleep(BACKSTOP).await;
            if process.look().await.is_err() {
                break;
            }
        }
    }
}

/// Has every subscription look at its stream now and then.
pub(super) async fn watch(process: Rc<Process>) {
    loop {
        for stream in 0..process.world.plan.streams {
            for lane in Lane::ALL {
                process.hear_of_arrival((stream, lane));
            }
        }
        process.world.clock.sleep(BACKSTOP).await;
    }
}
