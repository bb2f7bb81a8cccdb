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
use protean_core::window::room;
use protean_core::{Lane, port};
use protean_postgres::outbox::{Leadership, Logged, Queue};

use crate::broker::Inner;
use crate::entry::Place;
use crate::error::failed;
use crate::mirror::mirror;
use crate::script::{PUBLISH, TRIM};

/// Messages that are published at once: Redis does nothing else meanwhile, and must not be busy
/// with backfill for more than a fraction of a quantum.
const BATCH_MAX: [usize; 2] = [256, 128];

/// Messages that a primary stream holds at most: what is urgent later has no more before it (L7).
const PRIMARY_WINDOW: u64 = 512;

/// How often streams are trimmed, and how far apart looks at a full one are, at first and at most:
/// that of a lane that an operator has paused may be full for days. Nobody waits for backfill, and
/// a window is more than what is handled between two looks.
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

/// How often a relay that stands by asks whether the other one is gone.
const STANDBY_INTERVAL: Duration = Duration::from_millis(500);

/// How long to wait, at first and at most, before a broken connection is made again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Relays a lane for as long as it is polled.
pub(crate) async fn attend(inner: Arc<Inner>, lane: Lane) {
    loop {
        match inner.outbox.lead(lane).await {
            Ok(Some(leadership)) => {
                tracing::debug!(%lane, "relaying");
                Relay::new(inner.clone(), lane).run(&leadership).await;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "PostgreSQL is away; nothing is relayed"),
        }
        // sleep: nobody tells when the other relay is gone
        tokio::time::sleep(STANDBY_INTERVAL).await;
    }
}

/// What a look at the outbox came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Something was published; there may be more.
    Published,
    /// There is more, but no room for it.
    Full,
    /// There is nothing.
    Idle,
}

struct Relay {
    inner: Arc<Inner>,
    lane: Lane,
    /// Up to where each queue is published, as Redis said.
    published: HashMap<u64, u64>,
    /// The length of each stream, as Redis said.
    lengths: HashMap<String, u64>,
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

    async fn run(mut self, leadership: &Leadership) {
        let ear = self.inner.database.ear();
        let mut pause = RETRY_PAUSE;
        let mut full_pause = FULL_PAUSE;
        while !leadership.is_lost() {
            let wait = match self.turn().await {
                Ok(Pass::Published) => {
                    pause = RETRY_PAUSE;
                    full_pause = FULL_PAUSE;
                    continue;
                }
                Ok(Pass::Full) => {
                    let wait = full_pause;
                    full_pause = (full_pause * 2).min(FULL_PAUSE_MAX[self.lane.index()]);
                    wait
                }
                Ok(Pass::Idle) if self.lengths.values().any(|length| *length > 0) => TRIM_INTERVAL,
                Ok(Pass::Idle) if !self.marks.is_empty() => MARK_INTERVAL,
                Ok(Pass::Idle) => IDLE_PAUSE,
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
            // What is heard of the other lane does no harm.
            let _ = tokio::time::timeout(wait, ear.wake()).await;
        }
    }

    async fn turn(&mut self) -> Result<Pass, port::Error> {
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
        let pass = self.pass().await?;
        self.full = pass == Pass::Full;
        if self.lane == Lane::Backfill && pass == Pass::Published {
            self.inner.outbox.pace().rest(started.elapsed()).await;
        }
        if self.marked.elapsed() >= MARK_INTERVAL && !self.marks.is_empty() {
            let marks = std::mem::take(&mut self.marks);
            self.marked = Instant::now();
            self.inner.outbox.mark(self.lane, &marks).await?;
        }
        Ok(pass)
    }

    /// Publishes a batch of the most urgent queue of each stream that has something.
    async fn pass(&mut self) -> Result<Pass, port::Error> {
        let mut pass = Pass::Idle;
        let mut busy: HashSet<String> = HashSet::new();
        for queue in self.inner.outbox.queues(self.lane).await? {
            if busy.contains(&queue.stream) {
                continue;
            }
            let published = match self.published.get(&queue.id) {
                Some(published) => *published,
                None => self.publish(&queue, u64::MAX, &[]).await?,
            };
            if queue.head <= published {
                continue;
            }
            busy.insert(queue.stream.clone());
            let length = self.lengths.get(&queue.stream).copied().unwrap_or_default();
            let count_max = room(self.window(), length, BATCH_MAX[self.lane.index()]);
            if count_max == 0 {
                if pass == Pass::Idle {
                    pass = Pass::Full;
                }
                continue;
            }
            let batch = self
                .inner
                .outbox
                .read(self.lane, queue.id, published, count_max);
            let batch = batch.await?;
            self.publish(&queue, published, &batch).await?;
            pass = Pass::Published;
        }
        Ok(pass)
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
        self.published.insert(queue.id, published);
        self.lengths.insert(queue.stream.clone(), length);
        if published > queue.mark {
            self.marks.insert(queue.id, published);
        }
        Ok(published)
    }

    /// Removes what every group has acknowledged.
    async fn trim(&mut self) -> Result<(), port::Error> {
        let window = self.window();
        let lane = self.lane;
        for (stream, length) in &mut self.lengths {
            if *length == 0 {
                continue;
            }
            let mut call = TRIM.prepare_invoke();
            call.key(self.inner.keys.stream(stream, lane));
            call.key(self.inner.keys.relay(stream, lane));
            call.arg(window);
            call.arg(ABANDONED_AFTER.as_millis());
            call.arg(ABANDONED_WHEN_FULL_AFTER.as_millis());
            let link = &self.inner.links[lane.index()];
            let trimmed = link.run(async |link| call.invoke_async(link).await).await;
            *length = trimmed.map_err(|error| failed("trimming a stream", &error))?;
        }
        Ok(())
    }
}
