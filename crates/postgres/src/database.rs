//! A database, opened.

use std::sync::{Arc, Once, OnceLock};

use protean_core::Lane;
use protean_core::port::{self, Tier};
use tokio_postgres::Config;
use uuid::Uuid;

use crate::bell::{Bell, Ear, News, listen};
use crate::broker::Consumers;
use crate::commit::Committers;
use crate::error::unavailable;
use crate::options::Options;
use crate::outbox::Carriage;
use crate::pace::Pace;
use crate::pool::Pools;
use crate::retention::{Old, Published};
use crate::sql::Catalog;

/// One PostgreSQL database, as this process uses it: a cheap clone.
#[derive(Clone, Debug)]
pub struct Postgres {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) pools: Pools,
    pub(crate) catalog: Catalog,
    pub(crate) bell: Arc<Bell>,
    pub(crate) committers: Committers,
    pub(crate) consumers: Arc<Consumers>,
    pub(crate) carriage: Carriage,
    /// The process, in the gauges that it publishes.
    pub(crate) process: String,
    listening: Once,
    /// Keeps this process listening once it commits anything, so that it hears of the other lane.
    attentive: OnceLock<Arc<Ear>>,
}

impl Postgres {
    /// A database, by its URI: `postgresql://user:password@host:5432/database`. Nothing is
    /// connected before it is needed.
    ///
    /// # Errors
    /// When the URI makes no sense.
    pub fn new(uri: &str, options: Options) -> Result<Self, port::Error> {
        let config: Config = uri.parse().map_err(|error: tokio_postgres::Error| {
            let why = format!("{error}; expected postgresql://user:password@host:5432/database");
            unavailable("the database URI", why)
        })?;
        let pools = Pools::new(config, options)?;
        let pace = Pace::new(options.quantum);
        let process = Uuid::now_v7().simple().to_string();
        let bell = Arc::new(Bell::new(process.clone(), pools.clone(), pace));
        Ok(Self {
            inner: Arc::new(Inner {
                catalog: Catalog::default(),
                committers: Committers::new(),
                consumers: Arc::new(Consumers::new(pools.clone(), bell.clone())),
                carriage: Carriage::default(),
                pools,
                bell,
                process,
                listening: Once::new(),
                attentive: OnceLock::new(),
            }),
        })
    }

    /// This database in every part that a tier has.
    #[must_use]
    pub fn tier(&self) -> Tier {
        let database = Arc::new(self.clone());
        Tier {
            store: database.clone(),
            broker: database.clone(),
            log: database.clone(),
            dead_letters: database.clone(),
            controls: database.clone(),
            imports: database.clone(),
            retention: Arc::new(Old {
                database: self.clone(),
                published: Published::Committed,
            }),
            servers: database.clone(),
            tables: database,
        }
    }

    /// Listens to other processes from now on: to make room for their production, and to know when
    /// none of their backfill work is about.
    pub(crate) fn be_attentive(&self) {
        self.inner.attentive.get_or_init(|| self.ear());
    }

    /// Has everybody look for what is free, in all processes.
    pub async fn call_out(&self) {
        self.inner.bell.ring_out(&News::everything()).await;
    }

    /// An ear that hears of every commit, of this process and of others.
    pub fn ear(&self) -> Arc<Ear> {
        self.listening(None)
    }

    /// An ear that hears of every commit with messages of a lane, of this process and of others.
    pub fn ear_of(&self, lane: Lane) -> Arc<Ear> {
        self.listening(Some(lane))
    }

    fn listening(&self, lane: Option<Lane>) -> Arc<Ear> {
        let ear = self.inner.bell.ear(lane);
        self.inner.listening.call_once(|| {
            let bell = Arc::downgrade(&self.inner.bell);
            tokio::spawn(listen(bell, self.inner.pools.clone()));
        });
        ear
    }
}
