//! A small domain on a file, as several processes would open it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use protean::config::Config;
use protean::prelude::*;
use protean_testing::item::look_again;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::collector::{Collector, PATIENCE};

/// What no span may say.
pub(crate) const PAYLOAD: &str = "attic, behind the clock";

id! {
    pub(crate) struct ParcelId;
}

/// A parcel.
#[derive(Debug, Clone, Aggregate)]
#[aggregate(events(Stored))]
pub(crate) struct Parcel {
    #[id]
    pub(crate) id: ParcelId,
    pub(crate) place: String,
}

/// A parcel was put somewhere.
#[derive(Debug, Clone, Event)]
pub(crate) struct Stored {
    pub(crate) parcel_id: ParcelId,
    pub(crate) place: String,
}

/// Puts a parcel somewhere.
#[derive(Debug, Clone, Command)]
#[command(of = Parcel)]
pub(crate) struct Store {
    #[id]
    pub(crate) parcel_id: ParcelId,
    pub(crate) place: String,
}

/// A parcel at the usual place.
pub(crate) fn store(place: &str) -> Store {
    Store {
        parcel_id: ParcelId::new(),
        place: place.to_owned(),
    }
}

/// Where parcels are.
#[derive(Debug, Clone, Projection)]
pub(crate) struct Shelf {
    #[id]
    pub(crate) parcel_id: ParcelId,
    pub(crate) place: String,
}

/// Fails as often as it is told, for the place that is `away`.
pub(crate) struct ParcelHandler {
    pub(crate) failures: Arc<AtomicU32>,
}

#[command_handler]
impl ParcelHandler {
    #[handle]
    async fn store(&self, command: Store, unit: &mut Unit<'_>) -> Result<(), Failure> {
        if command.place == "nowhere" {
            return Err(Failure::refuse("there is no such place"));
        }
        let left = &self.failures;
        let fails = command.place == "away"
            && left
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok();
        if fails {
            return Err(Failure::transient("the place is away"));
        }
        let mut parcel = Root::new(Parcel {
            id: command.parcel_id,
            place: command.place.clone(),
        })?;
        parcel.raise(Stored {
            parcel_id: command.parcel_id,
            place: command.place,
        });
        unit.add(parcel).map(drop)
    }
}

pub(crate) struct ShelfProjector;

#[projector(into = Shelf)]
impl ShelfProjector {
    #[on]
    async fn stored(&self, event: Stored, rows: &mut Rows<'_, Shelf>) -> Result<(), Failure> {
        let Stored { parcel_id, place } = event;
        rows.put(Shelf { parcel_id, place }).await
    }
}

#[derive(Domain)]
#[domain(name = "depot")]
pub(crate) struct Depot {
    pub(crate) parcels: ParcelHandler,
    pub(crate) shelves: ShelfProjector,
}

/// The domain on a file of its own.
pub(crate) struct World {
    folder: TempDir,
    telemetry: String,
    failures: Arc<AtomicU32>,
}

impl World {
    /// One whose `[telemetry]` says this.
    pub(crate) fn new(telemetry: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            telemetry: telemetry.to_owned(),
            failures: Arc::default(),
        }
    }

    /// One whose spans go to this endpoint.
    pub(crate) fn sending_to(endpoint: &str) -> Self {
        Self::new(&format!("endpoint = \"{endpoint}\"\n"))
    }

    /// The next tries at what is `away` fail.
    pub(crate) fn fail(&self, times: u32) {
        self.failures.store(times, Ordering::Relaxed);
    }

    /// The domain as a process would open it which is called so.
    pub(crate) async fn open(&self, service: &str) -> App<Depot> {
        let telemetry = &self.telemetry;
        let text = format!(
            "[server]\ndrain_timeout = 5\n[server.stream_subscription]\nretry_delay_seconds = 0.05\n\
             [telemetry]\nservice_name = \"{service}\"\n{telemetry}"
        );
        let mut config = Config::parse(&text, "domain.toml", None, &|_| None).unwrap();
        config.use_file(&self.folder.path().join("depot.db"));
        let depot = Depot {
            parcels: ParcelHandler {
                failures: self.failures.clone(),
            },
            shelves: ShelfProjector,
        };
        protean::open(depot, config).await.unwrap()
    }

    /// A server, in a process of its own as far as the file and the spans are concerned.
    pub(crate) async fn server(&self) -> Server {
        let app = self.open("server").await;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async move { stopped.await.unwrap_or(()) };
            protean::serve(app, stopped).await.unwrap();
        });
        Server { stop, task }
    }
}

/// A collector, and two processes whose spans go there: one that sends, and a server.
pub(crate) async fn processes() -> (Collector, World, App<Depot>, Server) {
    let collector = Collector::start().await;
    let world = World::sending_to(&collector.endpoint);
    let api = world.open("api").await;
    let server = world.server().await;
    (collector, world, api, server)
}

/// A server that runs.
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Lets it finish what it does; how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let asked = Instant::now();
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        asked.elapsed()
    }
}

/// Waits until every lane of every subscription is empty.
pub(crate) async fn settled(app: &App<Depot>) {
    let broker = &app.tier().broker;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let backlogs = broker.backlogs(&app.subscriptions()).await.unwrap();
        if backlogs.iter().flatten().all(|lane| lane.lag == 0) {
            return;
        }
        look_again(deadline, &format!("not in time: {backlogs:?}")).await;
    }
}
