//! Projections that go along with their events: at once, each once, and at nobody's cost.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use protean::Lane;
use protean::config::Config;
use protean::prelude::*;
use protean::schema::{FieldType, Record};
use tempfile::TempDir;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::shop::{
    Behaviour, PATIENCE, Probe, Thing, ThingCommandHandler, ThingId, Touch, Touched,
};

/// How often a thing was touched, and by what.
#[derive(Debug, Clone, Projection)]
pub struct Tally {
    #[id]
    pub thing_id: ThingId,
    pub count: i64,
    pub labels: String,
}

/// Counts touches; enters each with whether it could see by then what was touched.
pub struct Counter {
    probe: Arc<Probe>,
    app: Arc<OnceLock<App<Desk>>>,
}

#[projector(into = Tally)]
impl Counter {
    #[on]
    async fn touched(&self, event: Touched, rows: &mut Rows<'_, Tally>) -> Result<(), Failure> {
        let thing_id = event.thing_id;
        let store = &self.app.get().unwrap().tier().store;
        let touched = store
            .load(Lane::Primary, Thing::SCHEMA, &thing_id.to_value())
            .await?;
        let entry = match touched {
            None => format!("along {}", event.label),
            Some(_) => format!("after {}", event.label),
        };
        self.probe.enter(&entry).await?;
        if rows.find(thing_id).await?.is_none() {
            let labels = event.label;
            let count = 1;
            return rows
                .put(Tally {
                    thing_id,
                    count,
                    labels,
                })
                .await;
        }
        rows.update(thing_id, |known| {
            known.count += 1;
            known.labels += &event.label;
        })
        .await
    }
}

#[derive(Domain)]
#[domain(name = "desk")]
pub struct Desk {
    pub things: ThingCommandHandler,
    pub counter: Counter,
}

/// A desk with a server on a file of its own.
struct Open {
    app: App<Desk>,
    counted: Arc<Probe>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    _folder: TempDir,
}

impl Open {
    async fn with(settings: &str) -> Self {
        let text =
            format!("{settings}\n[server.stream_subscription]\nretry_delay_seconds = 0.05\n");
        let mut config = Config::parse(&text, "domain.toml", None, &|_| None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        config.use_file(&folder.path().join("desk.db"));
        let (counted, slot) = (Arc::new(Probe::new()), Arc::new(OnceLock::new()));
        let desk = Desk {
            things: ThingCommandHandler {
                probe: Arc::new(Probe::new()),
            },
            counter: Counter {
                probe: counted.clone(),
                app: slot.clone(),
            },
        };
        let app = protean::open(desk, config).await.unwrap();
        assert!(slot.set(app.clone()).is_ok());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = app.clone();
        let server = tokio::spawn(async move {
            let stopped = async move { stopped.await.unwrap_or(()) };
            protean::serve(served, stopped).await.unwrap();
        });
        Self {
            app,
            counted,
            stop,
            server,
            _folder: folder,
        }
    }

    async fn touch(&self, label: &str) -> ThingId {
        let thing_id = ThingId::new();
        let label = label.to_owned();
        self.app.process(Touch { thing_id, label }).await.unwrap();
        thing_id
    }

    /// Touches a thing, and waits until it is counted.
    async fn touch_and_see(&self, label: &str) -> Tally {
        let thing_id = self.touch(label).await;
        self.counted_one(thing_id).await
    }

    /// The tally of a thing, as soon as there is one.
    async fn counted_one(&self, thing_id: ThingId) -> Tally {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(tally) = self.app.view::<Tally>().get(&thing_id).await.unwrap() {
                return tally;
            }
            assert!(Instant::now() < deadline, "it is not counted");
            // sleep: between two looks at a condition that has no signal
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// Touches things until one goes along; says how many that were.
    async fn until_one_goes_along(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        for count in 1.. {
            let tally = self.touch_and_see("x").await;
            assert_eq!((tally.count, &*tally.labels), (1, "x"));
            if self.counted.log().iter().any(|entry| entry == "along x") {
                return count;
            }
            assert!(Instant::now() < deadline, "nothing ever goes along");
        }
        unreachable!("the loop has no other end")
    }

    async fn close(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_a_projection_goes_along_with_its_event_and_takes_effect_once() {
    let desk = Open::with("").await;
    desk.until_one_goes_along().await;
    let mut things = Vec::new();
    for nth in 0..20 {
        things.push(desk.touch(&nth.to_string()).await);
    }
    for (nth, thing_id) in things.into_iter().enumerate() {
        let tally = desk.counted_one(thing_id).await;
        assert_eq!((tally.count, tally.labels), (1, nth.to_string()));
    }
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l10_a_projector_that_fails_or_waits_keeps_no_command() {
    let desk = Open::with("").await;
    desk.until_one_goes_along().await;
    for entry in ["along bad", "along panic", "along slow"] {
        desk.counted.on(entry, Behaviour::Refuse);
    }
    desk.counted.on("along panic", Behaviour::Panic);
    let never = Arc::new(Semaphore::new(0));
    desk.counted.on("along slow", Behaviour::Wait(never));
    for label in ["bad", "panic", "slow"] {
        let tally = desk.touch_and_see(label).await;
        assert_eq!((tally.count, &*tally.labels), (1, label));
        let after = format!("after {label}");
        assert!(
            desk.counted.log().contains(&after),
            "it comes the usual way"
        );
        // It is not asked for a while.
        let deadline = Instant::now() + PATIENCE;
        while desk
            .counted
            .log()
            .last()
            .is_none_or(|last| last != "along x")
        {
            assert!(Instant::now() < deadline, "it is never asked again");
            desk.touch_and_see("x").await;
        }
    }
    let letters = desk
        .app
        .tier()
        .dead_letters
        .list(&Default::default(), 9)
        .await;
    assert!(letters.unwrap().is_empty());
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_nothing_goes_along_where_backfill_of_the_key_goes_first() {
    let desk = Open::with("[server.priority_lanes]\ncross_lane_order = \"per_key\"").await;
    for _ in 0..20 {
        desk.touch_and_see("x").await;
    }
    assert_eq!(desk.counted.log(), vec!["after x"; 20]);
    desk.close().await;
}
