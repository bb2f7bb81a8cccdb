//! Servers of a test's own, and tiers that use them as processes do.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use protean_core::config::CrossLaneOrder;
use protean_core::message::Message;
use protean_core::port::Tier;
use protean_core::port::broker::{Claim, Delivery, Feed};
use protean_core::{Lane, Priority};
use protean_postgres::Postgres;
use protean_redis::{Options, Redis};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_services::redis::{Options as RedisOptions, Persistence};
use protean_testing::item::{PATIENCE, SCHEMAS, STREAM, look_again, publication, subscription};
use tokio::task::JoinSet;

use crate::engine::{Engine, Journal, all_handled, numbered};

/// The database server that all tests share; it ends with the test's process.
static DATABASES: LazyLock<protean_services::Postgres> = LazyLock::new(|| {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    protean_services::Postgres::start_with(&options).unwrap()
});

/// Messages of one commit.
const COMMIT: u64 = 10;

/// A Redis and a database.
pub(crate) struct Rig {
    pub(crate) redis: protean_services::Redis,
    pub(crate) database: String,
    pub(crate) journal: Arc<Journal>,
    /// What servers do besides handling messages.
    pub(crate) attendants: JoinSet<()>,
}

/// A tier, and who attends its lanes.
pub(crate) fn attend(tier: &Tier, attendants: &mut JoinSet<()>) {
    for lane in Lane::ALL {
        let broker = tier.broker.clone();
        attendants.spawn(async move { broker.attend(lane).await });
    }
}

/// A tier that reaches its servers by these URIs.
pub(crate) fn open(redis: &str, database: &str, options: Options) -> Tier {
    let postgres = Postgres::new(database, protean_postgres::Options::default()).unwrap();
    Redis::new(redis, postgres, options).unwrap().tier()
}

impl Rig {
    /// Servers, with the tables made.
    pub(crate) async fn start(persistence: Persistence) -> Self {
        let options = RedisOptions {
            persistence,
            ..RedisOptions::default()
        };
        let rig = Self {
            redis: protean_services::Redis::start(options).unwrap(),
            database: DATABASES.create_database().unwrap(),
            journal: Arc::default(),
            attendants: JoinSet::new(),
        };
        rig.tier().tables.setup(SCHEMAS).await.unwrap();
        rig
    }

    /// A tier as one more process has it.
    pub(crate) fn tier(&self) -> Tier {
        open(&self.redis.uri(), &self.database, Options::default())
    }

    /// A tier whose lanes are attended.
    pub(crate) fn server(&mut self) -> Tier {
        let tier = self.tier();
        attend(&tier, &mut self.attendants);
        tier
    }

    /// Handles a subscription's messages by a tier.
    pub(crate) fn engine(&self, tier: &Tier, name: &str) -> Engine {
        Engine::start(tier, name, &self.journal, Duration::ZERO)
    }

    /// What SQL finds: a row in a line.
    pub(crate) fn query(&self, sql: &str) -> String {
        DATABASES.query(&self.database, sql).unwrap()
    }

    /// Waits until these subscriptions have handled everything; each message once.
    pub(crate) async fn assert_once(&self, tier: &Tier, names: &[&str], messages: u64) {
        all_handled(tier, names).await;
        self.journal.assert_right();
        for name in names {
            let sql = format!(
                "SELECT count(*), count(DISTINCT name) FROM item WHERE name LIKE '{name}/%'"
            );
            assert_eq!(self.query(&sql), format!("{messages}|{messages}"), "{name}");
        }
    }

    /// The length of a stream.
    pub(crate) fn length(&self, lane: Lane) -> u64 {
        let length = self.redis.command(&["XLEN", &stream(lane)]).unwrap();
        length.parse().unwrap()
    }

    /// Adds to a stream what `XRANGE` says of an entry: its identifier, which is left out, and the
    /// names and values of its fields.
    pub(crate) fn add_again(&self, lane: Lane, entry: &[&str]) {
        let stream = stream(lane);
        let add = [&["XADD", &*stream, "*"], &entry[1..]].concat();
        self.redis.command(&add).unwrap();
    }

    /// Waits until so much of a lane is published, and written down as such.
    pub(crate) async fn published(&self, lane: Lane, messages: u64) {
        let lane = lane.index();
        let sql = format!(
            "SELECT COALESCE(sum(sequence), 0) FROM protean_relay AS r
             JOIN protean_queue AS q ON q.id = r.queue WHERE q.lane = {lane}"
        );
        let deadline = Instant::now() + PATIENCE;
        while self.query(&sql).parse::<u64>().unwrap() < messages {
            look_again(deadline, "too little is published").await;
        }
    }
}

/// The key of a stream.
pub(crate) fn stream(lane: Lane) -> String {
    match lane {
        Lane::Primary => STREAM.to_owned(),
        Lane::Backfill => format!("{STREAM}:backfill"),
    }
}

/// Publishes messages, some in each commit, every one of which must be accepted.
pub(crate) async fn publish(tier: &Tier, messages: &[Message]) {
    for some in messages.chunks(usize::try_from(COMMIT).unwrap()) {
        let lane = protean_testing::item::lane(&some[0]);
        let results = tier.store.commit(lane, vec![publication(some)]).await;
        for result in results {
            result.unwrap();
        }
    }
}

/// Publishes as many messages on each lane, at the same time.
pub(crate) async fn publish_both(tier: &Tier, numbers: std::ops::Range<u64>) {
    let primary = numbered(numbers.clone(), Priority::Normal);
    let backfill = numbered(numbers, Priority::Bulk);
    tokio::join!(publish(tier, &primary), publish(tier, &backfill));
}

/// A subscription's feeds.
pub(crate) async fn feeds(tier: &Tier, name: &str) -> Claim {
    let claimed = tier
        .broker
        .claim(&subscription(name), CrossLaneOrder::None)
        .await;
    claimed.unwrap().unwrap()
}

/// So many messages, as soon as they are there, from a broker that may be away for a while.
pub(crate) async fn take(feed: &mut dyn Feed, count: usize) -> Vec<Delivery> {
    let deadline = Instant::now() + PATIENCE;
    let mut taken = Vec::new();
    while taken.len() < count {
        let found = feed.fetch(count - taken.len()).await.unwrap_or_default();
        taken.extend(found);
        let found = taken.len();
        look_again(
            deadline,
            &format!("expected {count} messages, found {found}"),
        )
        .await;
    }
    taken
}
