//! What a server tells whoever watches it: whether it lives, whether it is ready, and its metrics.

pub mod catalog;
mod meters;
mod readings;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::{IntCounterVec, Registry, TextEncoder};
use protean_core::domain::Domain;
use protean_core::port::broker::Subscription;
use protean_core::port::retention::Kind;
use protean_core::port::{self, Tier};
use protean_core::{App, Lane};

pub use meters::Meters;

use crate::lane::Standing;
use crate::stall::Stall;
use meters::Makers;
use readings::Readings;

/// How long the store may take to answer, before a server counts as not ready: whoever asks gives
/// up after some seconds, too.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a server is not ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// The engine does not run, not yet or not any more.
    #[error("[PE0950] the engine does not run")]
    Engine,
    /// The store or the broker cannot be reached.
    #[error(transparent)]
    Store(#[from] port::Error),
    /// The store did not answer in time.
    #[error("[PE0951] expected the store to answer within {ANSWER_TIMEOUT:?}, it did not")]
    Late,
}

/// Metrics that cannot be made: two have one name.
#[derive(Debug, thiserror::Error)]
#[error("[PE0952] the metrics cannot be made: {0}")]
pub struct Unmade(#[from] prometheus::Error);

/// Watches one engine: a cheap clone. The engine counts in it, and whoever watches reads it.
#[derive(Clone)]
pub struct Monitor {
    inner: Arc<Inner>,
}

struct Inner {
    tier: Tier,
    subscriptions: Vec<Subscription>,
    registry: Registry,
    meters: Vec<[Meters; 2]>,
    readings: Readings,
    cleaned: IntCounterVec,
    /// Whoever reads sets the gauges first, one after another.
    reader: tokio::sync::Mutex<()>,
    running: AtomicBool,
    /// How the backfill lanes stood at the engine's last beat.
    standings: Mutex<Vec<Standing>>,
    stalls: Mutex<Vec<Option<Stall>>>,
    stall_patience: Duration,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}

impl Monitor {
    /// The monitor of an engine that is to run this application.
    ///
    /// # Errors
    /// When two metrics have one name, which none of the framework's have.
    pub fn of<D: Domain>(app: &App<D>) -> Result<Self, Unmade> {
        let registry = Registry::new();
        let makers = Makers::new(&registry)?;
        let readings = Readings::new(&registry)?;
        let cleaned = meters::counter(&registry, &catalog::CLEANED)?;
        for kind in Kind::ALL {
            cleaned.with_label_values(&[kind.name()]);
        }
        #[allow(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 are far below 2^52"
        )]
        readings.started(Timestamp::now().as_second() as f64);
        let subscriptions = app.subscriptions();
        let all = subscriptions.iter();
        let meters = all.map(|one| Lane::ALL.map(|lane| makers.meters(one, lane)));
        Ok(Self {
            inner: Arc::new(Inner {
                tier: app.tier().clone(),
                registry,
                meters: meters.collect(),
                readings,
                cleaned,
                reader: tokio::sync::Mutex::default(),
                running: AtomicBool::new(false),
                standings: Mutex::new(vec![Standing::default(); subscriptions.len()]),
                stalls: Mutex::new(vec![None; subscriptions.len()]),
                stall_patience: app.config().server.stall_after,
                subscriptions,
            }),
        })
    }

    /// Whether the engine runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.inner.running.load(Ordering::Relaxed)
    }

    /// Whether the engine runs, the store and the broker answer, and the tables are there.
    ///
    /// # Errors
    /// Why the server is not ready.
    pub async fn ready(&self) -> Result<(), NotReady> {
        if !self.is_running() {
            return Err(NotReady::Engine);
        }
        let asked = self.inner.tier.broker.reach();
        match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
            Ok(answer) => Ok(answer.map(drop)?),
            Err(_) => Err(NotReady::Late),
        }
    }

    /// The metrics, in the text format of Prometheus. While the store is away they are what is
    /// known without it.
    ///
    /// # Errors
    /// When a metric has no text, which every metric has.
    pub async fn text(&self) -> Result<String, Unmade> {
        let Inner {
            tier,
            subscriptions,
            readings,
            ..
        } = &*self.inner;
        let _reader = self.inner.reader.lock().await;
        let looked = readings.look(tier, subscriptions);
        let looked = tokio::time::timeout(ANSWER_TIMEOUT, looked).await;
        readings.ready(self.is_running() && matches!(looked, Ok(Ok(()))));
        readings.stalls(self.stalls());
        let standings = lock(&self.inner.standings).clone();
        let left_alone = standings.iter().map(|one| one.left_alone.is_some());
        readings.left_alone(subscriptions.iter().zip(left_alone));
        Ok(TextEncoder::new().encode_to_string(&self.inner.registry.gather())?)
    }

    /// The subscriptions whose backfill makes no progress (L6).
    #[must_use]
    pub fn stalls(&self) -> Vec<(&Subscription, Stall)> {
        let stalls = lock(&self.inner.stalls).clone();
        let all = self.inner.subscriptions.iter().zip(stalls);
        all.filter_map(|(one, stall)| Some((one, stall?))).collect()
    }

    pub(crate) fn meters(&self, subscription: usize, lane: Lane) -> &Meters {
        &self.inner.meters[subscription][lane.index()]
    }

    /// So many rows of a kind were removed.
    pub(crate) fn cleaned(&self, kind: Kind, rows: u64) {
        let counter = self.inner.cleaned.with_label_values(&[kind.name()]);
        counter.inc_by(rows);
    }

    pub(crate) fn set_running(&self, running: bool) {
        self.inner.running.store(running, Ordering::Relaxed);
    }

    pub(crate) fn set_standing(&self, subscription: usize, standing: Standing) {
        lock(&self.inner.standings)[subscription] = standing;
    }

    pub(crate) fn standing(&self, subscription: usize) -> Standing {
        lock(&self.inner.standings)[subscription]
    }

    pub(crate) fn set_stall(&self, subscription: usize, stall: Option<Stall>) {
        lock(&self.inner.stalls)[subscription] = stall;
    }

    pub(crate) fn stall_patience(&self) -> Duration {
        self.inner.stall_patience
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
