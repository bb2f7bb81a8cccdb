//! The servers that both sides use, and the programs of the Python side.

use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Instant;

use protean_core::Lane;
use protean_core::port::Tier;
use protean_postgres::Postgres;
use protean_redis::{Options, Redis};
use protean_services::postgres::{Fsync, Options as ServerOptions};
use protean_services::redis::Options as RedisOptions;
use protean_testing::item::{self, PATIENCE, look_again};
use tokio::process::Command;

use crate::book::{Line, STREAM, STREAMS};

/// The database server that all tests share; it ends with the test's process.
static DATABASES: LazyLock<protean_services::Postgres> = LazyLock::new(|| {
    let options = ServerOptions {
        fsync: Fsync::Off,
        ..ServerOptions::default()
    };
    protean_services::Postgres::start_with(&options).unwrap()
});

/// A Redis and a database that both sides use.
pub(crate) struct Place {
    redis: protean_services::Redis,
    database: String,
}

impl Place {
    pub(crate) fn start() -> Self {
        Self {
            redis: protean_services::Redis::start(RedisOptions::default()).unwrap(),
            database: DATABASES.create_database().unwrap(),
        }
    }

    /// Opens it as a server does, with the tables made.
    pub(crate) async fn open(&self) -> Tier {
        let postgres = Postgres::new(&self.database, protean_postgres::Options::default()).unwrap();
        let tier = Redis::new(&self.redis.uri(), postgres, Options::default())
            .unwrap()
            .tier();
        tier.tables.setup(item::SCHEMAS).await.unwrap();
        for lane in Lane::ALL {
            let broker = tier.broker.clone();
            tokio::spawn(async move { broker.attend(lane).await });
        }
        tier
    }

    /// Has Python publish so many events on each lane.
    pub(crate) async fn publish(&self, normal: usize, bulk: usize) -> Vec<Line> {
        let (normal, bulk) = (normal.to_string(), bulk.to_string());
        let options = ["--normal", &normal, "--bulk", &bulk];
        self.run("publish.py", &options).await
    }

    /// Has Python handle so many events.
    pub(crate) async fn consume(&self, count: usize) -> Vec<Line> {
        let timeout = PATIENCE.as_secs().to_string();
        let options = ["--count", &count.to_string(), "--timeout", &timeout];
        self.run("consume.py", &options).await
    }

    async fn run(&self, script: &str, options: &[&str]) -> Vec<Line> {
        let python = std::env::var_os("PROTEAN_TEST_PYTHON").expect(
            "expected PROTEAN_TEST_PYTHON, a Python with what \
             crates/redis/tests/python/requirements.txt asks for: run `cargo xtask test`, or set \
             the variable",
        );
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        let ended = Command::new(python)
            .arg("-B")
            .arg(folder.join(script))
            .args(["--redis", &self.redis.uri()])
            .args(options)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        let also = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success(),
            "{script}: {}: {said}{also}",
            ended.status
        );
        said.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Adds an entry to the primary lane by hand.
    pub(crate) fn add(&self, field: &str, value: &str) {
        self.redis
            .command(&["XADD", STREAM, "*", field, value])
            .unwrap();
    }

    /// Waits until a group has acknowledged all that it was handed, on both lanes.
    pub(crate) async fn acknowledged(&self, group: &str) {
        let nothing = |stream: &str| {
            let pending = self.redis.command(&["XPENDING", stream, group]);
            pending.unwrap().lines().next() == Some("0")
        };
        until("a group has pending entries", nothing).await;
    }

    /// Waits until a group reads both lanes.
    pub(crate) async fn is_read(&self, group: &str) {
        let reads = |stream: &str| {
            // A stream that is not there yet is an error.
            let groups = self.redis.command(&["XINFO", "GROUPS", stream]);
            groups.is_ok_and(|groups| groups.lines().any(|line| line == group))
        };
        until("a group does not read", reads).await;
    }
}

/// Waits until this is so for both lanes; panics when that takes too long, saying how it is instead.
async fn until(instead: &str, is_so: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    for stream in STREAMS {
        while !is_so(stream) {
            look_again(deadline, &format!("{instead}: {stream}")).await;
        }
    }
}
