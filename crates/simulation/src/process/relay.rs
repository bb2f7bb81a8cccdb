//! The relay: from the outbox to Redis, as the adapter has it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use protean_core::Lane;
use protean_core::window::Depth;

use super::Process;
use crate::invariants::l7_bands;
use crate::message::Logged;
use crate::planted::Planted;
use crate::redis::Publication;
use crate::store::Store;
use crate::world::{Away, World};

const TRIM_INTERVAL: Duration = Duration::from_millis(20);
const FULL_PAUSE: Duration = Duration::from_millis(5);
const MARK_INTERVAL: Duration = Duration::from_millis(200);
const LEARN_INTERVAL: Duration = Duration::from_secs(1);
const IDLE_PAUSE: Duration = Duration::from_secs(1);
const STANDBY_INTERVAL: Duration = Duration::from_millis(500);
const RETRY_PAUSE: Duration = Duration::from_millis(20);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A queue that a relay publishes.
#[derive(Clone, Copy, Debug)]
struct Queue {
    id: u64,
    stream: usize,
    head: u64,
    mark: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Published,
    Full,
    Idle,
}

struct Relay {
    process: Rc<Process>,
    lane: Lane,
    published: BTreeMap<u64, u64>,
    lengths: BTreeMap<usize, u64>,
    depths: BTreeMap<usize, Depth>,
    marks: BTreeMap<u64, u64>,
    trimmed: Duration,
    learned: Duration,
    marked: Duration,
    full: bool,
}

/// Relays a lane whenever nobody else does.
pub(super) async fn attend(process: Rc<Process>, lane: Lane) {
    let world = process.world.clone();
    let owner = process.owner;
    loop {
        let lead = |store: &mut Store| {
            let leader = &mut store.leaders[lane.index()];
            *leader.get_or_insert(owner) == owner
        };
        if let Ok(true) = world.ask(lead).await {
            world
                .watch
                .note(|| format!("process {owner} relays {lane}"));
            Relay::new(process.clone(), lane).run().await;
        }
        world.clock.sleep(STANDBY_INTERVAL).await;
    }
}

impl Relay {
    fn new(process: Rc<Process>, lane: Lane) -> Self {
        let now = process.world.now();
        Self {
            process,
            lane,
            published: BTreeMap::new(),
            lengths: BTreeMap::new(),
            depths: BTreeMap::new(),
            marks: BTreeMap::new(),
            trimmed: now,
            learned: now,
            marked: now,
            full: false,
        }
    }

    fn world(&self) -> &Rc<World> {
        &self.process.world
    }

    fn is_lost(&self) -> bool {
        let leader = self.world().store.borrow().leaders[self.lane.index()];
        leader != Some(self.process.owner)
    }

    async fn run(mut self) {
        let world = self.world().clone();
        let ear = self.process.relay_ears[self.lane.index()].clone();
        let mut pause = RETRY_PAUSE;
        while !self.is_lost() {
            let wait = match self.turn().await {
                Ok(Pass::Published) => {
                    pause = RETRY_PAUSE;
                    continue;
                }
                Ok(Pass::Full) => FULL_PAUSE,
                Ok(Pass::Idle) if self.lengths.values().any(|length| *length > 0) => TRIM_INTERVAL,
                Ok(Pass::Idle) if !self.marks.is_empty() => MARK_INTERVAL,
                Ok(Pass::Idle) => IDLE_PAUSE,
                Err(Away) => {
                    self.published.clear();
                    pause = (pause * 2).min(RETRY_PAUSE_MAX);
                    world.clock.sleep(pause).await;
                    continue;
                }
            };
            ear.wait(&world.clock, Some(world.now() + wait)).await;
        }
    }

    async fn turn(&mut self) -> Result<Pass, Away> {
        let now = self.world().now();
        if self.full || now - self.trimmed >= TRIM_INTERVAL {
            self.trim().await?;
            self.trimmed = self.world().now();
        }
        if now - self.learned >= LEARN_INTERVAL {
            self.published.clear();
            for stream in 0..self.world().plan.streams {
                self.lengths.entry(stream).or_insert(1);
            }
            self.learned = self.world().now();
        }
        let pass = self.pass().await?;
        self.full = pass == Pass::Full;
        if self.world().now() - self.marked >= MARK_INTERVAL && !self.marks.is_empty() {
            let marks = std::mem::take(&mut self.marks);
            self.marked = self.world().now();
            let mark = |store: &mut Store| {
                marks
                    .iter()
                    .for_each(|(queue, sequence)| store.mark(*queue, *sequence));
            };
            self.world().ask(mark).await?;
        }
        Ok(pass)
    }

    /// Publishes a batch of the most urgent queue of each stream that has something.
    async fn pass(&mut self) -> Result<Pass, Away> {
        let mut pass = Pass::Idle;
        let mut busy: BTreeSet<usize> = BTreeSet::new();
        let looked = self.queues().await?;
        for queue in &looked {
            if busy.contains(&queue.stream) {
                continue;
            }
            let published = match self.published.get(&queue.id) {
                Some(published) => *published,
                None => self.publish(queue, u64::MAX, Vec::new()).await?,
            };
            if queue.head <= published {
                continue;
            }
            busy.insert(queue.stream);
            let count_max = self.room(queue.stream);
            if count_max == 0 {
                if pass == Pass::Idle {
                    pass = Pass::Full;
                }
                continue;
            }
            let read = |store: &mut Store| store.read(queue.id, published, count_max);
            let batch = self.world().ask(read).await?;
            self.check_urgency(&looked, queue);
            self.publish(queue, published, batch).await?;
            pass = Pass::Published;
        }
        Ok(pass)
    }

    /// How deep a stream is to be.
    fn depth(&self, stream: usize) -> Depth {
        let plan = &self.world().plan;
        let window = plan.window[self.lane.index()];
        let known = self.depths.get(&stream).copied();
        known.unwrap_or_else(|| match self.lane {
            Lane::Primary => Depth::new(window, window, 1),
            Lane::Backfill => Depth::new(plan.depth, window, plan.portion),
        })
    }

    /// How many messages a stream has room for now.
    fn room(&self, stream: usize) -> usize {
        let batch_max = self.world().plan.relayed_max[self.lane.index()];
        if self.world().is_planted(Planted::WindowIgnored) {
            return batch_max;
        }
        let length = self.lengths.get(&stream).copied().unwrap_or_default();
        self.depth(stream).room(length, batch_max)
    }

    /// Nothing more urgent of the stream waited when the relay looked.
    fn check_urgency(&self, looked: &[Queue], chosen: &Queue) {
        let store = self.world().store.borrow();
        let band = |queue: &Queue| store.queue(queue.id).band;
        let beside = looked.iter().filter(|one| {
            let published = self.published.get(&one.id).copied();
            one.stream == chosen.stream && published.is_none_or(|upto| upto < one.head)
        });
        let most_urgent = beside.map(band).min();
        l7_bands::check_relay(&self.world().watch, band(chosen), most_urgent);
    }

    async fn queues(&self) -> Result<Vec<Queue>, Away> {
        let (lane, planted) = (self.lane, self.world().planted);
        let queues = |store: &mut Store| {
            let mut ids = store.queues(lane);
            if planted == Some(Planted::RelayLeastUrgentFirst) {
                ids.reverse();
            }
            let queue = |id: u64| {
                let one = store.queue(id);
                Queue {
                    id,
                    stream: one.stream,
                    head: one.head(),
                    mark: one.mark,
                }
            };
            ids.into_iter().map(queue).collect()
        };
        self.world().ask(queues).await
    }

    async fn publish(&mut self, queue: &Queue, from: u64, batch: Vec<Logged>) -> Result<u64, Away> {
        let (lane, stream) = (self.lane, queue.stream);
        let some = !batch.is_empty();
        let what = Publication {
            queue: queue.id,
            from,
            mark: queue.mark,
            batch,
        };
        let told = self.world().tell(&self.process, lane, |redis| {
            redis.publish(stream, lane, &what)
        });
        let (published, length) = told.await?;
        self.published.insert(queue.id, published);
        self.lengths.insert(stream, length);
        if published > queue.mark {
            self.marks.insert(queue.id, published);
        }
        if some {
            self.world().ring_watchers((stream, lane));
        }
        Ok(published)
    }

    /// Removes what every group has acknowledged.
    async fn trim(&mut self) -> Result<(), Away> {
        let lane = self.lane;
        for stream in 0..self.world().plan.streams {
            if self.lengths.get(&stream).is_none_or(|length| *length == 0) {
                continue;
            }
            let now = self.world().now();
            let mut depth = self.depth(stream);
            let full_at = depth.full_at();
            let trim = self.world().tell(&self.process, lane, |redis| {
                redis.trim(now, (stream, lane), full_at)
            });
            let (before, length, unread) = trim.await?;
            depth.see(before, unread);
            self.depths.insert(stream, depth);
            self.lengths.insert(stream, length);
        }
        Ok(())
    }
}
