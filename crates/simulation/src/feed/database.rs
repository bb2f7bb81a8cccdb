//! One lane of a subscription, read from PostgreSQL: leases, and the order of keys.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::hand::Hand;
use protean_core::order::{self, Keyed};
use protean_core::port::broker::Place;
use protean_core::settled::Settled;

use crate::invariants::l7_bands;
use crate::message::{Delivery, Logged, MessageId};
use crate::planted::Planted;
use crate::process::{Consumer, Process};
use crate::store::{Bounds, Leased, Party, Store};
use crate::world::{Away, World};

/// How long messages that wait are left alone, at first and at most.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// The most messages that wait for others of their keys: far fewer than in earnest, so that the
/// bound is met.
const WAITING_MAX: usize = 16;

/// One lane of a subscription that a process takes part in.
pub(crate) struct LaneFeed {
    pub(super) process: Rc<Process>,
    pub(super) subscription: usize,
    pub(super) lane: Lane,
    pub(super) consumer: Rc<Consumer>,
    hand: Hand,
    waiting: Vec<Logged>,
    tries: u32,
    /// Whether somebody is about to be told to look again.
    telling: Rc<Cell<bool>>,
}

/// A number as leases have it.
fn signed(lease: u64) -> i64 {
    i64::try_from(lease).unwrap_or(i64::MAX)
}

fn unsigned(leases: Vec<i64>) -> Vec<u64> {
    leases.into_iter().map(i64::unsigned_abs).collect()
}

impl LaneFeed {
    pub(super) fn new(
        process: &Rc<Process>,
        subscription: usize,
        lane: Lane,
        consumer: &Rc<Consumer>,
    ) -> Self {
        Self {
            process: process.clone(),
            subscription,
            lane,
            consumer: consumer.clone(),
            hand: Hand::default(),
            waiting: Vec::new(),
            tries: 0,
            telling: Rc::default(),
        }
    }

    pub(super) fn world(&self) -> &Rc<World> {
        &self.process.world
    }

    fn party(&self) -> Party {
        Party {
            subscription: self.subscription,
            lane: self.lane,
            owner: self.consumer.id.get(),
        }
    }

    pub(super) fn holds(&self, queue: u64, sequence: u64) -> bool {
        self.hand.holds(queue, sequence)
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next messages of the store's own queues, up to their bounds, and what nobody owns.
    pub(super) async fn take(
        &mut self,
        count_max: usize,
        bounds: &Bounds,
    ) -> Result<Vec<Delivery>, Away> {
        self.process.rejoin(&self.consumer).await?;
        let mut found = Vec::new();
        let taken = self.take_next(count_max, bounds, &mut found).await;
        if taken.is_err() && found.is_empty() {
            return Err(Away);
        }
        if taken.is_err() {
            self.tell_after(PAUSE_MAX);
        }
        self.look_again();
        Ok(found)
    }

    async fn take_next(
        &mut self,
        count_max: usize,
        bounds: &Bounds,
        found: &mut Vec<Delivery>,
    ) -> Result<(), Away> {
        let world = self.world().clone();
        let party = self.party();
        if self.has_waiting() {
            self.hand_out(Leased::default(), found).await?;
        }
        while found.len() < count_max {
            let known = unsigned(self.hand.leases());
            let Some(leased) = world.ask(|store| store.adopt(party, &known)).await? else {
                break;
            };
            self.hand_out(leased, found).await?;
        }
        let grown = world.ask(|store| store.grown(party, bounds)).await?;
        let mut looked = Vec::new();
        for (queue, upto) in grown {
            looked.push(world.store.borrow().queue(queue).band);
            loop {
                let room = count_max.saturating_sub(found.len());
                let room = room.min(world.plan.leased_max);
                let within = |one: &&Logged| bounds.contains(one);
                let waiting = self.waiting.iter().filter(within).count();
                if room == 0 || waiting >= WAITING_MAX {
                    return Ok(());
                }
                l7_bands::check_fetch(&world.watch, &looked);
                let leased = world
                    .ask(|store| store.take(party, queue, room, upto))
                    .await?;
                let last = leased.messages.len() < room;
                self.hand_out(leased, found).await?;
                if last {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Hands out messages that came from elsewhere.
    pub(super) async fn arrive(
        &mut self,
        messages: Vec<Logged>,
        settled: Settled,
    ) -> Result<Vec<Delivery>, Away> {
        self.process.rejoin(&self.consumer).await?;
        let leased = Leased {
            lease: None,
            settled,
            messages,
        };
        let mut found = Vec::new();
        self.hand_out(leased, &mut found).await?;
        self.look_again();
        Ok(found)
    }

    pub(super) async fn settled_of(&self, queue: u64) -> Result<Settled, Away> {
        let subscription = self.subscription;
        self.world()
            .ask(|store| store.settled(subscription, queue))
            .await
    }

    /// Hands out those messages of a lease that are to be handled and need not wait.
    async fn hand_out(&mut self, leased: Leased, found: &mut Vec<Delivery>) -> Result<(), Away> {
        let under = leased.lease.map(signed);
        let (hand, settled) = (&mut self.hand, &leased.settled);
        let arrived: Vec<Logged> = leased
            .messages
            .into_iter()
            .filter(|one| {
                !settled.contains(one.sequence) && hand.take(one.queue, one.sequence, under)
            })
            .collect();
        if let Some(lease) = under {
            self.hand.empty(lease);
        }
        if arrived.is_empty() && self.waiting.is_empty() {
            return Ok(());
        }
        let came = arrived.len();
        let free = self.sort(arrived, &leased.settled).await?;
        if came + free.len() > 0 {
            self.world().watch.note(|| {
                let ids: Vec<_> = free.iter().map(|one| one.id).collect();
                let waiting: Vec<_> = self.waiting.iter().map(|one| one.id).collect();
                let (owner, of, lane) = (self.process.owner, self.subscription, self.lane);
                format!("process {owner} takes {ids:?} of {of} {lane}; {waiting:?} wait")
            });
        }
        found.extend(free.into_iter().map(Delivery::queued));
        Ok(())
    }

    /// Keeps those whose predecessors are in other hands; the others are free.
    async fn sort(&mut self, arrived: Vec<Logged>, known: &Settled) -> Result<Vec<Logged>, Away> {
        if self.world().is_planted(Planted::OrderUnguarded) {
            return Ok(arrived);
        }
        let waited = self.has_waiting();
        if !waited
            && arrived
                .iter()
                .all(|one| order::is_free(one, &self.hand, known))
        {
            let any = arrived.iter().any(|one| one.previous.is_some());
            if !any {
                return Ok(arrived);
            }
        }
        let mut candidates = std::mem::take(&mut self.waiting);
        candidates.extend(arrived);
        candidates.sort_by_key(|one| (one.draft.band, one.queue, one.sequence));
        let Ok((settled, parked)) = self.look(&candidates).await else {
            self.waiting.extend(candidates);
            return Err(Away);
        };
        let (free, waiting) = order::part(candidates, &self.hand, &settled, &parked);
        self.waiting = waiting;
        let stuck = waited && free.is_empty();
        self.tries = if stuck { self.tries + 1 } else { 0 };
        Ok(free)
    }

    async fn look(
        &self,
        candidates: &[Logged],
    ) -> Result<(HashMap<u64, Settled>, HashSet<String>), Away> {
        let mut settled = HashMap::new();
        for one in candidates {
            if !settled.contains_key(&one.queue()) {
                settled.insert(one.queue, self.settled_of(one.queue).await?);
            }
        }
        let party = self.party();
        let parked = self
            .world()
            .ask(|store| store.keys_parked_elsewhere(party))
            .await?;
        Ok((settled, parked))
    }

    /// Looks again after a while, when something waits for what is in other hands.
    fn look_again(&self) {
        if !self.waiting.is_empty() {
            self.tell_after((PAUSE * 2_u32.saturating_pow(self.tries.min(8))).min(PAUSE_MAX));
        }
    }

    fn tell_after(&self, pause: Duration) {
        if self.telling.replace(true) {
            return;
        }
        let telling = self.telling.clone();
        let process = self.process.clone();
        let published = (self.world().plan.stream_of(self.subscription), self.lane);
        self.world().clock.spawn(process.owner, async move {
            process.world.clock.sleep(pause).await;
            telling.set(false);
            process.hear_of_arrival(published);
        });
    }

    pub(super) async fn list_parked(&self) -> Result<Vec<(MessageId, Duration)>, Away> {
        self.process.rejoin(&self.consumer).await?;
        let party = self.party();
        self.world().ask(|store| store.list_parked(party)).await
    }

    pub(super) async fn fetch_parked(&self, id: MessageId) -> Result<Option<Delivery>, Away> {
        self.process.rejoin(&self.consumer).await?;
        let party = self.party();
        let watch = &self.world().watch;
        let fetch = |store: &mut Store| {
            let found = store.fetch_parked(party, id);
            if found.is_none() && store.is_parked(party.subscription, id) {
                watch.refuse(party.subscription, id);
            }
            found
        };
        self.world().ask(fetch).await
    }

    /// Gives back what is settled.
    pub(super) async fn settled(&mut self, places: &[Place]) -> Result<(), Away> {
        for place in places {
            self.hand.settled(*place);
        }
        let done = self.hand.take_done();
        if done.is_empty() {
            return Ok(());
        }
        let leases = unsigned(done.clone());
        let released = self.world().ask(|store| store.release(&leases)).await;
        if released.is_err() {
            self.hand.return_done(done);
        }
        released
    }
}
