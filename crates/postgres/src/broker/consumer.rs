//! Consumers: who takes part in which subscription, and whether they are alive.
//!
//! Each claim is a row that its process touches twice a second. One that was not touched for some
//! seconds is dead: whoever notices removes it and frees what it held. Nothing goes wrong when a
//! process is declared dead that is not: what it has in its hands is settled once, by whoever is
//! first (L9).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use protean_core::port::broker::Subscription;
use protean_core::tally::{Tally, Tick};
use protean_core::{Lane, port};
use tokio::runtime::Handle;

use crate::bell::{Bell, News};
use crate::error::failed;
use crate::pool::Pools;

/// How often a process says that it is alive.
const BEAT_INTERVAL: Duration = Duration::from_millis(500);

/// How long a process may say nothing before it counts as dead: long enough for a stall, short
/// enough that its messages are taken over within seconds.
const SILENCE_MAX: Duration = Duration::from_secs(3);

const JOIN: &str = "INSERT INTO protean_consumer (name, seen) VALUES ($1, now()) RETURNING id";

const BEAT: &str =
    "UPDATE protean_consumer SET seen = now() WHERE id = ANY($1::bigint[]) RETURNING id";

/// Removes consumers, and frees what they held.
const REMOVE: &str = "WITH gone AS (DELETE FROM protean_consumer WHERE id = ANY($1::bigint[])
        RETURNING id),
    leases AS (UPDATE protean_lease SET owner = NULL WHERE owner = ANY($1::bigint[])),
    parked AS (UPDATE protean_parked SET owner = NULL WHERE owner = ANY($1::bigint[]))
    SELECT count(*) FROM gone";

/// Those that were silent for too long; none that somebody else is just removing.
const SILENT: &str = "SELECT id FROM protean_consumer
    WHERE seen < now() - make_interval(secs => $1) ORDER BY id FOR UPDATE SKIP LOCKED";

/// One process's part in one subscription.
#[derive(Debug)]
pub(crate) struct Consumer {
    subscription: Subscription,
    id: AtomicI64,
    /// Whether somebody has declared it dead.
    lost: AtomicBool,
    registry: Weak<Consumers>,
    runtime: Handle,
    /// Given back when everybody knows that this one has left.
    part: Option<Tick>,
}

impl Consumer {
    /// Its number, by which it owns leases.
    pub(crate) fn id(&self) -> i64 {
        self.id.load(Ordering::Acquire)
    }
}

/// Leaves, so that others need not wait until it counts as dead.
impl Drop for Consumer {
    fn drop(&mut self) {
        let Some(registry) = self.registry.upgrade() else {
            return;
        };
        registry.leaving().push((self.id(), self.part.take()));
        self.runtime
            .spawn(async move { registry.say_goodbye().await });
    }
}

/// The consumers of this process.
#[derive(Debug)]
pub(crate) struct Consumers {
    pools: Pools,
    bell: Arc<Bell>,
    own: Mutex<HashMap<Subscription, Weak<Consumer>>>,
    beating: AtomicBool,
    parts: Tally,
    /// Those that leave: everybody is told of all of them at once, since everybody looks then.
    leaving: Mutex<Vec<(i64, Option<Tick>)>>,
    goodbyes: tokio::sync::Mutex<()>,
}

impl Consumers {
    pub(crate) fn new(pools: Pools, bell: Arc<Bell>) -> Self {
        Self {
            pools,
            bell,
            own: Mutex::default(),
            beating: AtomicBool::new(false),
            parts: Tally::default(),
            leaving: Mutex::default(),
            goodbyes: tokio::sync::Mutex::default(),
        }
    }

    fn leaving(&self) -> MutexGuard<'_, Vec<(i64, Option<Tick>)>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes all that leave, unless somebody else has by then.
    async fn say_goodbye(&self) {
        let _turn = self.goodbyes.lock().await;
        let (ids, parts): (Vec<i64>, Vec<_>) =
            std::mem::take(&mut *self.leaving()).into_iter().unzip();
        if ids.is_empty() {
            return;
        }
        if let Err(error) = self.remove(ids).await {
            tracing::debug!(%error, "consumers did not say goodbye");
        }
        drop(parts);
    }

    /// Takes part in a subscription.
    pub(crate) async fn join(
        self: &Arc<Self>,
        subscription: &Subscription,
    ) -> Result<Arc<Consumer>, port::Error> {
        let id = self.register(subscription).await?;
        let consumer = Arc::new(Consumer {
            subscription: subscription.clone(),
            id: AtomicI64::new(id),
            lost: AtomicBool::new(false),
            registry: Arc::downgrade(self),
            runtime: Handle::current(),
            part: Some(self.parts.take()),
        });
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.insert(subscription.clone(), Arc::downgrade(&consumer));
        drop(own);
        if !self.beating.swap(true, Ordering::AcqRel) {
            tokio::spawn(beat(Arc::downgrade(self)));
        }
        Ok(consumer)
    }

    /// Waits until all that were dropped have left.
    pub(crate) async fn gone(&self) {
        self.parts.given_back().await;
    }

    /// Takes part again where a consumer was declared dead.
    pub(crate) async fn rejoin(&self, consumer: &Consumer) -> Result<(), port::Error> {
        if !consumer.lost.load(Ordering::Acquire) {
            return Ok(());
        }
        let id = self.register(&consumer.subscription).await?;
        tracing::warn!(
            subscription = %consumer.subscription.name,
            "this process was silent for too long; others have taken over what it had"
        );
        consumer.id.store(id, Ordering::Release);
        consumer.lost.store(false, Ordering::Release);
        Ok(())
    }

    /// The consumer of this process that takes part in a subscription.
    pub(crate) fn owner(&self, subscription: &Subscription) -> Option<i64> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let consumer = own.get(subscription)?.upgrade()?;
        Some(consumer.id())
    }

    async fn register(&self, subscription: &Subscription) -> Result<i64, port::Error> {
        let name = format!("{}@{}", subscription.name, std::process::id());
        let client = self.pools.light(Lane::Primary).await?;
        let row = client.query_one(JOIN, &[&name]).await;
        row.and_then(|row| row.try_get(0))
            .map_err(|error| failed("taking part in a subscription", &error))
    }

    async fn remove(&self, ids: Vec<i64>) -> Result<(), port::Error> {
        let client = self.pools.light(Lane::Primary).await?;
        let removed = client.execute(REMOVE, &[&ids]).await;
        removed.map_err(|error| failed("removing a consumer", &error))?;
        // The bell needs a connection, too, and several may be removed at once.
        drop(client);
        self.bell.ring_out(&News::everything()).await;
        Ok(())
    }

    fn living(&self) -> Vec<Arc<Consumer>> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|_, consumer| consumer.strong_count() > 0);
        own.values().filter_map(Weak::upgrade).collect()
    }

    /// Says that the consumers of this process are alive, and notices which others say does not
    /// believe it.
    async fn beat(&self) -> Result<(), port::Error> {
        let living = self.living();
        let ids: Vec<i64> = living.iter().map(|consumer| consumer.id()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let broken = |error| failed("a sign of life", &error);
        let client = self.pools.light(Lane::Primary).await?;
        let beat = client.prepare_cached(BEAT).await.map_err(broken)?;
        let rows = client.query(&beat, &[&ids]).await.map_err(broken)?;
        let known: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        for consumer in living.iter().filter(|one| !known.contains(&one.id())) {
            consumer.lost.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Frees what the dead held.
    async fn bury(&self) -> Result<(), port::Error> {
        let broken = |error| failed("the search for dead consumers", &error);
        let client = self.pools.light(Lane::Primary).await?;
        let silent = client.prepare_cached(SILENT).await.map_err(broken)?;
        let rows = client
            .query(&silent, &[&SILENCE_MAX.as_secs_f64()])
            .await
            .map_err(broken)?;
        drop(client);
        if rows.is_empty() {
            return Ok(());
        }
        tracing::info!(consumers = rows.len(), "taking over from dead consumers");
        self.remove(rows.iter().map(|row| row.get(0)).collect())
            .await
    }
}

/// Beats until the consumers are no more.
async fn beat(consumers: Weak<Consumers>) {
    let mut well_since = Instant::now();
    loop {
        // sleep: the interval between two signs of life
        tokio::time::sleep(BEAT_INTERVAL).await;
        let Some(consumers) = consumers.upgrade() else {
            return;
        };
        let mut beaten = consumers.beat().await;
        // After the database was away everybody has been silent: give them time to come back.
        if beaten.is_ok() && well_since.elapsed() > SILENCE_MAX {
            beaten = consumers.bury().await;
        }
        if let Err(error) = beaten {
            tracing::debug!(%error, "no sign of life");
            well_since = Instant::now();
        }
    }
}
