//! What a schedule is like: everything about it that its seed decides beforehand.

use std::time::Duration;

use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::config::RetryPolicy;
use protean_server::lane::Limits;

use crate::random::Random;

const MS: Duration = Duration::from_millis(1);

/// The longest backfill may hold anything that primary needs, as by default.
pub(crate) const QUANTUM: Duration = Duration::from_millis(5);

/// Which broker messages go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// The database is the broker.
    Database,
    /// A relay publishes to a broker that may lose everything.
    Distributed,
}

/// How likely troubles are, and how far apart.
#[derive(Clone, Debug)]
pub(crate) struct Troubles {
    /// The mean distance of blows to the world; `None` for a calm one.
    pub(crate) blow_every: Option<Duration>,
    /// How many notifications are lost.
    pub(crate) deaf: f64,
    /// How many answers of servers are lost, after what was asked for has been done.
    pub(crate) mute: f64,
    /// How many messages fail a few times.
    pub(crate) failing: f64,
    /// How many messages fail for ever.
    pub(crate) poison: f64,
    /// How many commits find that another writer was faster.
    pub(crate) conflicts: f64,
    /// Whether messages are published to Redis again.
    pub(crate) repeats: bool,
    /// How many handlers are slow, and how slow.
    pub(crate) slow: f64,
    pub(crate) slow_for: Duration,
}

/// A schedule.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) tier: Tier,
    pub(crate) processes: usize,
    pub(crate) streams: usize,
    pub(crate) subscriptions: usize,
    /// Streams that production writes to.
    pub(crate) primary_streams: usize,
    pub(crate) keys: usize,
    /// How many messages lead to others.
    pub(crate) leading: f64,
    pub(crate) limits: Limits,
    /// Commands from outside, on each lane.
    pub(crate) messages: [usize; 2],
    /// How long producers take over it.
    pub(crate) span: Duration,
    /// The longest handlers take, unless they are slow.
    pub(crate) handler_max: Duration,
    /// The longest a server takes to do something, and to answer.
    pub(crate) latency_max: Duration,
    pub(crate) retry: RetryPolicy,
    /// What the relay keeps in a stream of each lane, and publishes at once.
    pub(crate) window: [u64; 2],
    pub(crate) relayed_max: [usize; 2],
    /// What it keeps in a backfill stream at least, and the least it publishes to one at once.
    pub(crate) depth: u64,
    pub(crate) portion: u64,
    /// Messages of one lease, and of one transaction.
    pub(crate) leased_max: usize,
    pub(crate) commits_max: usize,
    pub(crate) troubles: Troubles,
}

impl Plan {
    pub(crate) fn of(random: &Random) -> Self {
        let bulk = random.between(5, 120);
        let keys = random.pick(&[1, 2, 3, 6, 12]);
        let streams = random.between(1, 2);
        Self {
            tier: random.pick(&[Tier::Database, Tier::Distributed]),
            processes: random.between(1, 3),
            streams,
            primary_streams: streams,
            leading: 0.2,
            subscriptions: random.between(1, 3),
            keys,
            limits: limits(random),
            messages: [random.between(5, 60), bulk],
            span: random.stretch(200 * MS, 6_000 * MS),
            handler_max: random.pick(&[MS / 2, 2 * MS, 6 * MS]),
            latency_max: random.pick(&[MS / 5, MS, 4 * MS]),
            retry: RetryPolicy {
                max_attempts: 3,
                delay: random.stretch(5 * MS, 300 * MS),
                ..RetryPolicy::default()
            },
            window: [random.between(2, 24), random.between(2, 24)].map(|window| window as u64),
            relayed_max: [random.between(2, 8), random.between(2, 8)],
            depth: random.between(1, 12) as u64,
            portion: random.between(1, 4) as u64,
            leased_max: random.between(1, 16),
            commits_max: random.between(1, 12),
            troubles: Troubles::of(random),
        }
    }

    /// The subscriptions of a stream.
    pub(crate) fn readers(&self, stream: usize) -> impl Iterator<Item = usize> + use<> {
        let streams = self.streams;
        (0..self.subscriptions).filter(move |nth| nth % streams == stream)
    }

    pub(crate) const fn stream_of(&self, subscription: usize) -> usize {
        subscription % self.streams
    }

    pub(crate) const fn slots(&self, lane: Lane) -> usize {
        match lane {
            Lane::Primary => self.limits.primary_slots,
            Lane::Backfill => self.limits.backfill_slots,
        }
    }
}

fn limits(random: &Random) -> Limits {
    let batch_max = random.between(1, 8);
    Limits {
        primary_slots: random.between(1, 3),
        backfill_slots: random.between(1, 3),
        batch_max,
        buffer_max: batch_max * random.between(1, 3),
        min_share: random.pick(&[0.0, 0.0, 0.05, 0.3]),
        order: CrossLaneOrder::None,
    }
}

impl Troubles {
    fn of(random: &Random) -> Self {
        let seldom = |part: f64| if random.chance(0.5) { part } else { 0.0 };
        let blow_every = random.stretch(100 * MS, 1_500 * MS);
        Self {
            blow_every: random.chance(0.8).then_some(blow_every),
            deaf: seldom(0.2),
            mute: seldom(0.02),
            failing: seldom(0.1),
            poison: seldom(0.05),
            conflicts: seldom(0.05),
            repeats: random.chance(0.3),
            slow: seldom(0.05),
            slow_for: random.stretch(10 * MS, 400 * MS),
        }
    }
}
