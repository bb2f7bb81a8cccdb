//! The store: PostgreSQL, as far as messages are concerned. What is here stands for SQL statements;
//! each function is one, and happens at once.

mod commit;
mod consumer;
mod lease;
mod parked;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::lane::Band;
use protean_core::settled::Settled;

use crate::message::{Draft, Logged, MessageId};
use crate::plan::Plan;
use crate::planted::Planted;
use crate::watch::Watch;

pub(crate) use commit::{Along, Commit, Part, Refused, Verdict};
pub(crate) use lease::{Bounds, Leased, Party};

/// A queue: the messages of one band of one lane of one stream, numbered without gaps.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) id: u64,
    pub(crate) stream: usize,
    pub(crate) lane: Lane,
    pub(crate) band: Band,
    messages: Vec<MessageId>,
    last_of_key: HashMap<&'static str, u64>,
    /// Up to where it was published, as far as that was written down.
    pub(crate) mark: u64,
}

impl Queue {
    pub(crate) fn head(&self) -> u64 {
        self.messages.len() as u64
    }
}

/// What is written without waiting for the disk: a crash of the database may undo it.
#[derive(Clone, Debug, Default)]
struct Soft {
    /// When each was seen last.
    consumers: BTreeMap<u64, Duration>,
    leases: BTreeMap<u64, lease::Lease>,
    /// Up to where queues were handed out, by subscription and queue.
    handouts: BTreeMap<(usize, u64), u64>,
}

/// A message that is set aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parked {
    pub(crate) due: Duration,
    failures: u32,
    owner: Option<u64>,
}

/// The tables.
pub(crate) struct Store {
    pub(crate) plan: Rc<Plan>,
    pub(crate) watch: Rc<Watch>,
    pub(crate) planted: Option<Planted>,
    messages: Vec<Logged>,
    queues: Vec<Queue>,
    cursors: BTreeMap<(usize, u64), Settled>,
    parked: BTreeMap<(usize, MessageId), Parked>,
    soft: Soft,
    durable: Soft,
    numbers: u64,
    /// Whose relay leads each lane.
    pub(crate) leaders: [Option<usize>; 2],
    /// How often each message took effect, and was given up, in each subscription.
    effects: BTreeMap<(usize, MessageId), u8>,
    dead: BTreeMap<(usize, MessageId), u8>,
    /// When each was done with.
    over_at: BTreeMap<(usize, MessageId), Duration>,
    /// What each handled message led to.
    led_to: BTreeMap<(usize, MessageId), u8>,
}

impl Store {
    pub(crate) fn new(plan: Rc<Plan>, watch: Rc<Watch>, planted: Option<Planted>) -> Self {
        Self {
            plan,
            watch,
            planted,
            messages: Vec::new(),
            queues: Vec::new(),
            cursors: BTreeMap::new(),
            parked: BTreeMap::new(),
            soft: Soft::default(),
            durable: Soft::default(),
            numbers: 0,
            leaders: [None; 2],
            effects: BTreeMap::new(),
            dead: BTreeMap::new(),
            over_at: BTreeMap::new(),
            led_to: BTreeMap::new(),
        }
    }

    pub(crate) fn is_planted(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    /// A number that was not given before.
    pub(crate) const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Writes messages from outside.
    pub(crate) fn accept(&mut self, now: Duration, drafts: &[Draft]) {
        for draft in drafts {
            self.append(now, *draft);
        }
        self.flush();
    }

    fn append(&mut self, now: Duration, draft: Draft) {
        let id = self.messages.len();
        let nth = self.queue_of(draft.stream, draft.lane, draft.band);
        let queue = &mut self.queues[nth];
        queue.messages.push(id);
        let sequence = queue.head();
        let previous = draft
            .key
            .and_then(|key| queue.last_of_key.insert(key, sequence));
        let queue = queue.id;
        self.messages.push(Logged {
            id,
            draft,
            queue,
            sequence,
            previous,
            time: now,
        });
        if let Some(cause) = draft.cause {
            *self.led_to.entry(cause).or_default() += 1;
        }
        let readers = self.plan.readers(draft.stream).count();
        self.watch.accepted(readers);
    }

    fn queue_of(&mut self, stream: usize, lane: Lane, band: Band) -> usize {
        let known = self
            .queues
            .iter()
            .position(|one| (one.stream, one.lane, one.band) == (stream, lane, band));
        known.unwrap_or_else(|| {
            self.queues.push(Queue {
                id: self.queues.len() as u64 + 1,
                stream,
                lane,
                band,
                messages: Vec::new(),
                last_of_key: HashMap::new(),
                mark: 0,
            });
            self.queues.len() - 1
        })
    }

    /// All that was written is on the disk.
    fn flush(&mut self) {
        self.durable = self.soft.clone();
    }

    /// The server was killed, and is started again.
    pub(crate) fn crash(&mut self) {
        self.soft = self.durable.clone();
        self.leaders = [None; 2];
    }

    pub(crate) fn queue(&self, id: u64) -> &Queue {
        &self.queues[usize::try_from(id).unwrap_or_default() - 1]
    }

    /// The queues of a lane, most urgent first.
    pub(crate) fn queues(&self, lane: Lane) -> Vec<u64> {
        let of_lane = self.queues.iter().filter(|queue| queue.lane == lane);
        let mut found: Vec<_> = of_lane.map(|queue| (queue.band, queue.id)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// The heads of all queues, with their streams and lanes.
    pub(crate) fn heads(&self) -> Vec<(u64, u64, (usize, Lane))> {
        let head = |queue: &Queue| (queue.id, queue.head(), (queue.stream, queue.lane));
        self.queues.iter().map(head).collect()
    }

    /// The messages of a queue after a number, at most so many.
    pub(crate) fn read(&self, queue: u64, after: u64, count_max: usize) -> Vec<Logged> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let messages = self.queue(queue).messages.iter().skip(after);
        messages
            .take(count_max)
            .map(|id| self.messages[*id])
            .collect()
    }

    /// Writes down up to where a queue was published.
    pub(crate) fn mark(&mut self, queue: u64, sequence: u64) {
        self.queues[usize::try_from(queue).unwrap_or_default() - 1].mark = sequence;
    }

    pub(crate) fn message(&self, id: MessageId) -> Logged {
        self.messages[id]
    }

    pub(crate) const fn messages(&self) -> &Vec<Logged> {
        &self.messages
    }

    /// What a subscription has settled of a queue.
    pub(crate) fn settled(&self, subscription: usize, queue: u64) -> Settled {
        let known = self.cursors.get(&(subscription, queue));
        known.cloned().unwrap_or_default()
    }

    pub(crate) fn is_settled(&self, subscription: usize, one: &Logged) -> bool {
        let known = self.cursors.get(&(subscription, one.queue));
        known.is_some_and(|settled| settled.contains(one.sequence))
    }

    pub(crate) fn is_parked(&self, subscription: usize, id: MessageId) -> bool {
        self.parked.contains_key(&(subscription, id))
    }

    /// What is left, for whoever looks into a failure.
    pub(crate) fn remains(&self) -> String {
        let Soft {
            consumers,
            leases,
            handouts,
        } = &self.soft;
        let parked = &self.parked;
        format!("{consumers:?} {leases:?} {handouts:?} {parked:?}")
    }

    /// How often a message took effect, and was given up.
    pub(crate) fn fate(&self, subscription: usize, id: MessageId) -> (u8, u8) {
        let count = |of: &BTreeMap<_, u8>| of.get(&(subscription, id)).copied().unwrap_or_default();
        (count(&self.effects), count(&self.dead))
    }

    /// How many messages the handling of one led to.
    pub(crate) fn led_to(&self, subscription: usize, id: MessageId) -> u8 {
        let count = self.led_to.get(&(subscription, id));
        count.copied().unwrap_or_default()
    }

    /// Since when the oldest message of a lane that is not handled has waited: by the cursors and
    /// what is set aside, as the backlog is told.
    pub(crate) fn oldest(&self, subscription: usize, lane: Lane) -> Option<Duration> {
        let stream = self.plan.stream_of(subscription);
        let queues = self.queues.iter();
        let queues = queues.filter(|queue| (queue.stream, queue.lane) == (stream, lane));
        let first = |queue: &Queue| {
            let next = self.settled(subscription, queue.id).upto();
            let id = queue
                .messages
                .get(usize::try_from(next).unwrap_or_default())?;
            Some(self.messages[*id].time)
        };
        let parked = self.parked.keys().filter(|(of, id)| {
            !self.is_planted(Planted::AgeForgetsParked)
                && *of == subscription
                && self.messages[*id].draft.lane == lane
        });
        let parked = parked.map(|(_, id)| self.messages[*id].time);
        queues.filter_map(first).chain(parked).min()
    }
}
