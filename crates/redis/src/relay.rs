//! The relay: from the outbox to Redis.
//!
//! Each lane has a relay of its own, so that no primary message waits while backfill is published
//! (L2). One process relays a lane at a time and others stand by, but nothing depends on it: every
//! batch says where it goes on from, and Redis takes it only from there. So any number of relays,
//! and one that dies between publishing and knowing it, publish each message once.
//!
//! Inside a stream what is more urgent goes first (L7), and a stream is kept shallow, so that what
//! is urgent later has little before it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use protean_core::message::envelope;
use protean_core::window::Depth;
use protean_core::{Lane, port};
use protean_postgres::outbox::{Ear, Leadership, Logged, Look, Queue, Wanted, Word};

use crate::broker::Inner;
use crate::entry::Place;
use crate::error::failed;
use crate::mirror::mirror;
use crate::script::{PUBLISH, TRIM};

/// Messages that are published at once: Redis does nothing else meanwhile, and must not be busy
/// with backfill for more than a fraction of a quantum.
const BATCH_MAX: [usize; 2] = [256, 128];

/// The same of backfill while production is about: whatever its bursts are for, Redis has them at the
/// priority of everybody (ADR 27).
const BURST_MAX: usize = 32;

/// Messages that a primary stream holds at most: what is urgent later has no more before it (L7).
pub(crate) const PRIMARY_WINDOW: u64 = 512;

/// Messages that a backfill stream holds at least, when there are so many: what one server reads
/// ahead, and as much again. More are kept only while its readers have too little to read.
const BACKFILL_DEPTH: u64 = 2_048;

/// Fewer backfill messages at once are not worth a look at the outbox and a call.
const BACKFILL_PORTION: u64 = 64;

/// How often streams are trimmed, and how far apart looks at a full one are, at first and at most:
/// that of a lane that an operator has paused may be full for days. Nobody waits for backfill, and
/// a stream that something was read of is looked at as soon as at first.
const TRIM_INTERVAL: Duration = Duration::from_millis(20);
const FULL_PAUSE: Duration = Duration::from_millis(5);
const FULL_PAUSE_MAX: [Duration; 2] = [FULL_PAUSE, Duration::from_millis(100)];

/// How long the consumers of a group of ours may all be silent before it counts as abandoned: its
/// handler has another name now, or none. It would keep the stream full for ever. Should it come
/// back, PostgreSQL feeds it what it missed.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);

/// The same when the stream is full, and every other group waits for this one. Whoever is alive is
/// never silent that long while there is something to read.
const ABANDONED_WHEN_FULL_AFTER: Duration = Duration::from_secs(10);

/// How often it is written down how far the relay is.
const MARK_INTERVAL: Duration = Duration::from_millis(200);

/// How often Redis is asked anew up to where queues are published: it may have lost its data.
const LEARN_INTERVAL: Duration = Duration::from_secs(1);

/// How long a relay that hears of nothing waits before it looks all the same.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// How long it may take to carry a message: one that whoever committed it can not carry is told of,
/// unless the process has died. A look for each would take as much of the machine as before.
const CARRY_MAX: Duration = Duration::from_millis(20);

/// How long to wait, at first and at most, before a broken connection is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Relays a lane, as soon as nobody else does, for as long as it is polled or until this process
/// leaves that to others.
pub(crate) async fn attend(inner: Arc<Inner>, lane: Lane) {
    let _running = inner.relays.begin();
    let mut pause = RETRY_PAUSE;
    loop {
        let led = tokio::select! {
            () = inner.relays.ending() => return,
            led = inner.outbox.lead(lane) => led,
        };
        match led {
            Ok(leadership) => {
                tracing::debug!(%lane, "relaying");
                pause = RETRY_PAUSE;
                let relay = Relay::new(inner.clone(), lane);
                tokio::select! {
                    () = inner.relays.ending() => return leadership.give_up().await,
                    () = relay.run(&leadership) => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "PostgreSQL is away; nothing is relayed");
                pause = (pause * 2).min(RETRY_PAUSE_MAX);
            }
        }
        // sleep: a server that is away is not asked without a pause
        tokio::time::sleep(pause).await;
    }
}

/// Waits so long at most, and until there is something to look for: what is carried is looked for
/// later, in case it is not.
async fn listen(ear: &Ear, wait: Duration) {
    let mut until = Instant::now() + wait;
    while let Ok(word) = tokio::time::timeout_at(until.into(), ear.word()).await {
        match word {
            Word::Look => return,
            Word::Carried => until = until.min(Instant::now() + CARRY_MAX),
        }
    }
}

/// What a look at the outbox left there, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    /// Nothing. Of what comes later the relay hears.
    Nothing,
    /// Messages that have no room.
    NoRoom,
    /// Messages, and there is room for them.
    Something,
}

/// A queue's stream, and the number of its last message there.
struct Reached {
    stream: String,
    sequence: u64,
}

struct Relay {
    inner: Arc<Inner>,
    lane: Lane,
    /// Up to where each queue is published, as Redis said.
    published: HashMap<u64, Reached>,
    /// The length of each stream, as Redis said.
    lengths: HashMap<String, u64>,
    /// How deep each stream is to be.
    depths: HashMap<String, Depth>,
    trimmed: Instant,
    /// Whether something had no room at the last look.
    full: bool,
    learned: Instant,
    marked: Instant,
    marks: HashMap<u64, u64>,
}

impl Relay {
    fn new(inner: Arc<Inner>, lane: Lane) -> Self {
        Self {
            inner,
            lane,
            published: HashMap::new(),
            lengths: HashMap::new(),
            depths: HashMap::new(),
            trimmed: Instant::now(),
            full: false,
            learned: Instant::now(),
            marked: Instant::now(),
            marks: HashMap::new(),
        }
    }

    fn window(&self) -> u64 {
        match self.lane {
            Lane::Primary => PRIMARY_WINDOW,
            Lane::Backfill => self.inner.options.backfill_window,
        }
    }

    /// How deep a stream is to be.
    fn depth(&self, stream: &str) -> Depth {
        let known = self.depths.get(stream).copied();
        known.unwrap_or_else(|| match self.lane {
            Lane::Primary => Depth::new(self.window(), self.window(), 1),
            Lane::Backfill => Depth::new(BACKFILL_DEPTH, self.window(), BACKFILL_PORTION),
        })
    }

    async fn run(mut self, leadership: &Leadership) {
        let ear = self.inner.database.ear_of(self.lane);
        let mut pause = RETRY_PAUSE;
        let mut full_pause = FULL_PAUSE;
        while !leadership.is_lost() {
            let wait = match self.turn().await {
                Ok(Left::Something) => {
                    (pause, full_pause) = (RETRY_PAUSE, FULL_PAUSE);
                    continue;
                }
                Ok(Left::NoRoom) => {
                    let wait = full_pause;
                    full_pause = (full_pause * 2).min(FULL_PAUSE_MAX[self.lane.index()]);
                    wait
                }
                Ok(Left::Nothing) => {
                    (pause, full_pause) = (RETRY_PAUSE, FULL_PAUSE);
                    self.idle_pause()
                }
                Err(error) => {
                    tracing::warn!(%error, lane = %self.lane, "relaying is tried again");
                    // Redis may have lost what it knew.
                    self.published.clear();
                    pause = (pause * 2).min(RETRY_PAUSE_MAX);
                    // sleep: a server that is away is not asked without a pause
                    tokio::time::sleep(pause).await;
                    continue;
                }
            };
            listen(&ear, wait).await;
        }
    }

    /// How long to wait with nothing to publish, unless something is heard.
    fn idle_pause(&self) -> Duration {
        if self.lengths.values().any(|length| *length > 0) {
            TRIM_INTERVAL
        } else if self.marks.is_empty() {
            IDLE_PAUSE
        } else {
            MARK_INTERVAL
        }
    }

    async fn turn(&mut self) -> Result<Left, port::Error> {
        if self.full || self.trimmed.elapsed() >= TRIM_INTERVAL {
            self.trim().await?;
            self.trimmed = Instant::now();
        }
        if self.learned.elapsed() >= LEARN_INTERVAL {
            self.published.clear();
            // Streams that others alone publish to have to be trimmed, too.
            for stream in self.inner.watched() {
                self.lengths.entry(stream.to_string()).or_insert(1);
            }
            self.learned = Instant::now();
            mirror(&self.inner, self.lane).await?;
        }
        let started = Instant::now();
        let (count, left) = self.pass().await?;
        self.full = left == Left::NoRoom;
        if self.lane == Lane::Backfill && count > 0 {
            self.inner.outbox.pace().rest(started.elapsed()).await;
        }
        if self.marked.elapsed() >= MARK_INTERVAL && !self.marks.is_empty() {
            let marks = std::mem::take(&mut self.marks);
            self.marked = Instant::now();
            self.inner.outbox.mark(self.lane, &marks).await?;
        }
        Ok(left)
    }

    /// Publishes a batch of the most urgent queue of each stream that has something; says how many
    /// messages that were, and what is left.
    async fn pass(&mut self) -> Result<(usize, Left), port::Error> {
        let (mut count, mut left) = (0, Left::Nothing);
        let mut busy: HashSet<String> = HashSet::new();
        let looks = self.inner.outbox.look(self.lane, &self.wanted()).await?;
        for Look { queue, messages } in looks {
            let published = match self.published.get(&queue.id) {
                Some(reached) => reached.sequence,
                None => self.publish(&queue, u64::MAX, &[]).await?,
            };
            if queue.head <= published {
                continue;
            }
            let room = self.room(&queue.stream);
            if room == 0 {
                left = left.max(Left::NoRoom);
                continue;
            }
            // What is less urgent, and what was not known when it was looked for, is for the next.
            let batch = &messages[..messages.len().min(room)];
            if batch.is_empty() || !busy.insert(queue.stream.clone()) {
                left = Left::Something;
                continue;
            }
            count += batch.len();
            if self.publish(&queue, published, batch).await? < queue.head {
                left = Left::Something;
            }
        }
        Ok((count, left))
    }

    /// What follows on what is published, as far as there is room for it.
    fn wanted(&self) -> Vec<Wanted> {
        let wanted = |(queue, reached): (&u64, &Reached)| Wanted {
            queue: *queue,
            after: reached.sequence,
            count_max: self.room(&reached.stream),
        };
        self.published.iter().map(wanted).collect()
    }

    /// How many messages a stream has room for now.
    fn room(&self, stream: &str) -> usize {
        let length = self.lengths.get(stream).copied().unwrap_or_default();
        self.depth(stream).room(length, self.batch_max())
    }

    fn batch_max(&self) -> usize {
        match self.inner.outbox.pace().gives_way(self.lane) {
            true => BURST_MAX,
            false => BATCH_MAX[self.lane.index()],
        }
    }

    /// Publishes messages of a queue that follow on `from`, unless somebody else has; says up to
    /// where it is published then.
    async fn publish(
        &mut self,
        queue: &Queue,
        from: u64,
        batch: &[Logged],
    ) -> Result<u64, port::Error> {
        let stream = self.inner.keys.stream(&queue.stream, self.lane);
        let hash = self.inner.keys.relay(&queue.stream, self.lane);
        let mut call = PUBLISH.prepare_invoke();
        let last = batch.last().map_or(from, |last| last.sequence);
        call.key(hash).key(stream);
        call.arg(queue.id).arg(from).arg(queue.mark).arg(last);
        call.arg(self.window());
        for logged in batch {
            call.arg(envelope::encode(&logged.message));
            call.arg(Place::of(logged).encode());
        }
        let link = &self.inner.links[self.lane.index()];
        let answer = link.run(async |link| call.invoke_async(link).await).await;
        let (published, length): (u64, u64) =
            answer.map_err(|error| failed("publishing", &error))?;
        let reached = Reached {
            stream: queue.stream.clone(),
            sequence: published,
        };
        self.published.insert(queue.id, reached);
        self.lengths.insert(queue.stream.clone(), length);
        if published > queue.mark {
            self.marks.insert(queue.id, published);
        }
        Ok(published)
    }

    /// Removes what every group has acknowledged, and learns how deep streams have to be.
    async fn trim(&mut self) -> Result<(), port::Error> {
        let held = self.lengths.iter().filter(|(_, length)| **length > 0);
        let streams: Vec<String> = held.map(|(stream, _)| stream.clone()).collect();
        for stream in streams {
            let mut depth = self.depth(&stream);
            let mut call = TRIM.prepare_invoke();
            call.key(self.inner.keys.stream(&stream, self.lane));
            call.key(self.inner.keys.relay(&stream, self.lane));
            call.arg(self.window());
            call.arg(ABANDONED_AFTER.as_millis());
            call.arg(ABANDONED_WHEN_FULL_AFTER.as_millis());
            call.arg(depth.full_at());
            let link = &self.inner.links[self.lane.index()];
            let trimmed = link.run(async |link| call.invoke_async(link).await).await;
            let (before, length, unread): (u64, u64, u64) =
                trimmed.map_err(|error| failed("trimming a stream", &error))?;
            depth.see(before, unread);
            self.depths.insert(stream.clone(), depth);
            self.lengths.insert(stream, length);
        }
        Ok(())
    }
}
