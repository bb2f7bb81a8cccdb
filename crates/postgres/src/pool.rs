//! Connections: pools for each lane, so that backfill can never take the last one, and so that no
//! connection of primary work is served by a thread that stands back (L2).

mod connect;
mod stand_back;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, PoolBuilder, QueueMode,
    RecyclingMethod, Runtime, StatementCache, Timeouts,
};
use protean_core::port::store::Connections;
use protean_core::{Lane, port};
use tokio_postgres::Config;

use connect::OneByOne;

use crate::error::no_connection;
use crate::options::Options;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long work waits for a free connection.
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);

/// How soon a connection whose other end is silent counts as broken: a machine that lost its power
/// says nothing.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 3;

/// Connections for bookkeeping that a crash of the database may undo: what is handed out to whom,
/// signs of life, notifications. Nobody waits for the disk there.
const LIGHT_CONNECTIONS: usize = 4;

/// What is set on every connection.
///
/// - A lock that cannot be had in time is told, not waited for.
/// - Rows are found by their keys. Statements are planned once for all values, and often while the
///   tables are new: a plan that reads all of a table because it is small is kept until something
///   analyses the table, and by then each order reads what an import has written. Nor is a plan
///   made anew for the values of each time: that was half of what an order cost the server.
const SETTINGS: &str = "SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '60s';
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET plan_cache_mode = force_generic_plan; SET jit = off";

/// What holds, in its transaction, for a question whose conditions may be on any column.
pub(crate) const ANY_COLUMN: &str = "SET LOCAL enable_seqscan = on";

/// The pools of one database.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    lanes: [Pool; 2],
    light: [Pool; 2],
    backends: Backends,
    config: Config,
}

/// The process of the server that serves a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    /// When it was started, since numbers of processes come again.
    pub(crate) started: String,
}

/// Asks a connection who serves it.
const BACKEND: &str =
    "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";

/// Who serves the connections of the lanes. A connection is known by its cache of statements, which
/// no other has; those whose cache is gone are forgotten when another is made.
#[derive(Clone, Debug, Default)]
struct Backends(Arc<Mutex<Vec<Served>>>);

type Served = (Weak<StatementCache>, Backend);

impl Backends {
    /// Learns of every connection that is made.
    fn learning(&self) -> Hook {
        let backends = self.clone();
        Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let backends = backends.clone();
            Box::pin(async move { backends.learn(client).await.map_err(HookError::Backend) })
        })
    }

    async fn learn(&self, client: &ClientWrapper) -> Result<(), tokio_postgres::Error> {
        let row = client.query_one(BACKEND, &[]).await?;
        let backend = Backend {
            pid: row.try_get(0)?,
            started: row.try_get(1)?,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(cache, _)| cache.strong_count() > 0);
        known.push((Arc::downgrade(&client.statement_cache), backend));
        Ok(())
    }

    fn find(&self, client: &ClientWrapper) -> Option<Backend> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Arc::as_ptr(&client.statement_cache);
        let found = known.iter().find(|(cache, _)| cache.as_ptr() == own);
        found.map(|(_, backend)| backend.clone())
    }
}

impl Pools {
    /// Pools of connections that are made when they are needed.
    pub(crate) fn new(mut config: Config, options: Options) -> Result<Self, port::Error> {
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES);
        let application = config
            .get_application_name()
            .unwrap_or("protean")
            .to_owned();
        let (backends, turns) = (Backends::default(), OneByOne::default());
        let of = |lane: Lane, connections_max, settings: &str| {
            let mut config = config.clone();
            config.application_name(format!("{application} {lane}"));
            pool(&config, &turns, connections_max, settings.to_owned())
        };
        // Commits alone have a fate.
        let committing = |lane, connections_max| {
            let pool = of(lane, connections_max, SETTINGS);
            pool.post_create(backends.learning())
        };
        let light = format!("{SETTINGS}; SET synchronous_commit = off");
        let backfill = committing(Lane::Backfill, options.backfill_connections);
        let light_backfill = of(Lane::Backfill, LIGHT_CONNECTIONS, &light);
        Ok(Self {
            lanes: [
                built(committing(Lane::Primary, options.primary_connections))?,
                built(backfill.post_create(stand_back::hook()))?,
            ],
            light: [
                built(of(Lane::Primary, LIGHT_CONNECTIONS, &light))?,
                built(light_backfill.post_create(stand_back::hook()))?,
            ],
            config: config.application_name(application).clone(),
            backends,
        })
    }

    /// A connection for work on a lane.
    pub(crate) async fn lane(&self, lane: Lane) -> Result<Client, port::Error> {
        get(&self.lanes[lane.index()]).await
    }

    /// A connection for work on a lane, if one is there and not used.
    pub(crate) async fn idle(&self, lane: Lane) -> Option<Client> {
        let pool = &self.lanes[lane.index()];
        match pool.status().available {
            0 => None,
            _ => get(pool).await.ok(),
        }
    }

    /// A connection for bookkeeping of a lane that may be lost.
    pub(crate) async fn light(&self, lane: Lane) -> Result<Client, port::Error> {
        get(&self.light[lane.index()]).await
    }

    /// Who serves a connection of this process.
    pub(crate) fn backend(&self, client: &Client) -> Option<Backend> {
        self.backends.find(client)
    }

    /// How the connections for work on each lane are used.
    pub(crate) fn connections(&self) -> [Connections; 2] {
        Lane::ALL.map(|lane| {
            let status = self.lanes[lane.index()].status();
            Connections {
                lane,
                used: status.size.saturating_sub(status.available) as u64,
                max: status.max_size as u64,
                awaited: status.waiting as u64,
            }
        })
    }

    /// How connections are made, for one that stays.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }
}

async fn get(pool: &Pool) -> Result<Client, port::Error> {
    pool.get().await.map_err(|error| no_connection(&error))
}

fn pool(
    config: &Config,
    turns: &OneByOne,
    connections_max: usize,
    settings: String,
) -> PoolBuilder {
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_connect(config.clone(), turns.clone(), recycling);
    let set = Hook::async_fn(move |client: &mut ClientWrapper, _| {
        let settings = settings.clone();
        Box::pin(async move {
            client
                .batch_execute(&settings)
                .await
                .map_err(HookError::Backend)
        })
    });
    Pool::builder(manager)
        .max_size(connections_max)
        // The one that was used last has what it needs at hand, and so has the server's process.
        .queue_mode(QueueMode::Lifo)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(WAIT_TIMEOUT),
            create: Some(CONNECT_TIMEOUT),
            recycle: Some(CONNECT_TIMEOUT),
        })
        .post_create(set)
}

fn built(pool: PoolBuilder) -> Result<Pool, port::Error> {
    pool.build()
        .map_err(|error| crate::error::unavailable("a pool of connections", error.to_string()))
}
