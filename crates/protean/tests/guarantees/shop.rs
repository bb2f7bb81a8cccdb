//! A small domain whose handlers do what a test tells them, and tell it what they did.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use protean::app::Submission;
use protean::config::Config;
use protean::port::broker::Backlog;
use protean::prelude::*;
use protean::{Monitor, Summary};
use tempfile::TempDir;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;

/// How long a test waits for what has to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

id! {
    /// The identity of a thing.
    pub struct ThingId;
}

/// A thing that commands touch.
#[derive(Debug, Clone, Aggregate)]
#[aggregate(events(Touched))]
pub struct Thing {
    #[id]
    pub id: ThingId,
    pub label: String,
    pub count: i64,
}

/// A thing was touched.
#[derive(Debug, Clone, Event)]
pub struct Touched {
    pub thing_id: ThingId,
    pub label: String,
}

/// Touches a thing, which is made if it does not exist.
#[derive(Debug, Command)]
#[command(of = Thing, reply = i64)]
pub struct Touch {
    #[id]
    pub thing_id: ThingId,
    #[field(max = 40)]
    pub label: String,
}

/// A note that follows from a touch.
#[derive(Debug, Clone, Aggregate)]
#[aggregate(events(Noted))]
pub struct Note {
    #[id]
    pub id: ThingId,
    pub text: String,
}

/// A note was taken.
#[derive(Debug, Clone, Event)]
pub struct Noted {
    pub note_id: ThingId,
}

/// Takes a note.
#[derive(Debug, Command)]
#[command(of = Note)]
pub struct TakeNote {
    pub text: String,
}

/// How often a thing was touched, and by what last.
#[derive(Debug, Clone, PartialEq, Projection)]
pub struct ThingSummary {
    #[id]
    pub thing_id: ThingId,
    pub count: i64,
    pub labels: String,
}

/// What a handler does when it meets a label.
#[derive(Clone)]
pub enum Behaviour {
    /// Waits until a permit is given.
    Wait(Arc<Semaphore>),
    /// Keeps its thread busy until the flag is set.
    Burn(Arc<AtomicBool>),
    /// Fails this often, then does its work.
    Fail(u32),
    /// Says no.
    Refuse,
    /// Panics.
    Panic,
}

/// What handlers are told and what they tell.
pub struct Probe {
    behaviours: Mutex<HashMap<String, Behaviour>>,
    log: watch::Sender<Vec<String>>,
}

impl Probe {
    pub fn new() -> Self {
        Self {
            behaviours: Mutex::default(),
            log: watch::channel(Vec::new()).0,
        }
    }

    pub fn on(&self, label: &str, behaviour: Behaviour) {
        self.behaviours
            .lock()
            .unwrap()
            .insert(label.to_owned(), behaviour);
    }

    pub fn forget(&self, label: &str) {
        self.behaviours.lock().unwrap().remove(label);
    }

    /// What was entered so far.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits until the log is as wanted.
    pub async fn until(&self, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut log = self.log.subscribe();
        let seen = tokio::time::timeout(PATIENCE, log.wait_for(|log| wanted(log))).await;
        match seen {
            Ok(log) => log.unwrap().clone(),
            Err(_) => panic!("not in time; the log is {:?}", self.log()),
        }
    }

    pub async fn enter(&self, label: &str) -> Result<(), Failure> {
        self.log.send_modify(|log| log.push(label.to_owned()));
        let behaviour = self.behaviours.lock().unwrap().get(label).cloned();
        match behaviour {
            None => {}
            Some(Behaviour::Wait(gate)) => gate.acquire().await.unwrap().forget(),
            Some(Behaviour::Burn(enough)) => burn(&enough),
            Some(Behaviour::Refuse) => {
                return Err(Failure::refuse(format!("{label} is unsellable")));
            }
            Some(Behaviour::Panic) => panic!("{label} made the handler panic"),
            Some(Behaviour::Fail(0)) => {}
            Some(Behaviour::Fail(times)) => {
                self.on(label, Behaviour::Fail(times - 1));
                return Err(Failure::transient(format!("{label} failed for now")));
            }
        }
        Ok(())
    }
}

fn burn(enough: &AtomicBool) {
    let started = Instant::now();
    while !enough.load(Ordering::Relaxed) && started.elapsed() < PATIENCE {
        std::hint::spin_loop();
    }
}

pub struct ThingCommandHandler {
    pub probe: Arc<Probe>,
}

#[command_handler]
impl ThingCommandHandler {
    #[handle]
    async fn touch(&self, command: Touch, unit: &mut Unit<'_>) -> Result<i64, Failure> {
        let Touch {
            thing_id: id,
            label,
        } = command;
        self.probe.enter(&label).await?;
        let mut thing = match unit.find::<Thing>(&id).await? {
            Some(thing) => thing,
            None => Root::new(Thing {
                id,
                label: label.clone(),
                count: 0,
            })?,
        };
        thing.count += 1;
        thing.label.clone_from(&label);
        thing.raise(Touched {
            thing_id: id,
            label,
        });
        let count = thing.count;
        unit.add(thing)?;
        Ok(count)
    }
}

pub struct NoteCommandHandler {
    pub probe: Arc<Probe>,
}

#[command_handler]
impl NoteCommandHandler {
    #[handle]
    async fn take(&self, command: TakeNote, unit: &mut Unit<'_>) -> Result<(), Failure> {
        self.probe.enter(&command.text).await?;
        let mut note = Root::new(Note {
            id: ThingId::new(),
            text: command.text,
        })?;
        let note_id = note.id;
        note.raise(Noted { note_id });
        unit.add(note).map(drop)
    }
}

/// Takes a note of every touch whose label asks for it.
pub struct NoteTaker;

#[event_handler]
impl NoteTaker {
    #[on]
    async fn touched(&self, event: Touched, unit: &mut Unit<'_>) -> Result<(), Failure> {
        match event.label.strip_prefix("note:") {
            Some(text) => unit.process(&TakeNote {
                text: text.to_owned(),
            }),
            None => Ok(()),
        }
    }
}

pub struct ThingSummaryProjector;

#[projector(into = ThingSummary)]
impl ThingSummaryProjector {
    #[on]
    async fn touched(
        &self,
        event: Touched,
        rows: &mut Rows<'_, ThingSummary>,
    ) -> Result<(), Failure> {
        let thing_id = event.thing_id;
        if rows.find(thing_id).await?.is_none() {
            let labels = format!("-{}-", event.label);
            return rows
                .put(ThingSummary {
                    thing_id,
                    count: 1,
                    labels,
                })
                .await;
        }
        // Guarded: the other lane may change the row meanwhile.
        rows.update(thing_id, |known| {
            known.count += 1;
            known.labels.push_str(&event.label);
            known.labels.push('-');
        })
        .await
    }
}

#[derive(Domain)]
#[domain(name = "shop")]
pub struct Shop {
    pub things: ThingCommandHandler,
    pub notes: NoteCommandHandler,
    pub note_taker: NoteTaker,
    pub summaries: ThingSummaryProjector,
}

/// A domain on a file of its own, with or without an engine.
pub struct World {
    pub app: App<Shop>,
    pub probe: Arc<Probe>,
    pub folder: Arc<TempDir>,
    config: Config,
}

impl World {
    /// A world with the usual configuration, but impatient retries.
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// A world whose configuration says this as well.
    pub async fn with(settings: &str) -> Self {
        let text = format!(
            "{settings}\n[server.stream_subscription]\nretry_delay_seconds = 0.05\njitter = false\n"
        );
        let config = Config::parse(&text, "domain.toml", None, &|_| None).unwrap();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::on(folder, Arc::new(Probe::new()), config).await
    }

    async fn on(folder: Arc<TempDir>, probe: Arc<Probe>, mut config: Config) -> Self {
        config.use_file(&folder.path().join("shop.db"));
        let shop = Shop {
            things: ThingCommandHandler {
                probe: probe.clone(),
            },
            notes: NoteCommandHandler {
                probe: probe.clone(),
            },
            note_taker: NoteTaker,
            summaries: ThingSummaryProjector,
        };
        let app = protean::open(shop, config.clone()).await.unwrap();
        Self {
            app,
            probe,
            folder,
            config,
        }
    }

    /// The same file, as another process would open it.
    pub async fn again(&self) -> Self {
        Self::on(self.folder.clone(), self.probe.clone(), self.config.clone()).await
    }

    /// Starts an engine.
    pub fn engine(&self) -> Engine {
        let (stop, stopped) = oneshot::channel::<()>();
        let app = self.app.clone();
        let monitor = Monitor::of(&app).unwrap();
        let watched = monitor.clone();
        let task = tokio::spawn(async move {
            let stopped = async move { stopped.await.unwrap_or(()) };
            protean::serve_watched(app, watched, stopped).await.unwrap()
        });
        Engine {
            monitor,
            stop: Some(stop),
            task,
        }
    }

    pub async fn touch(&self, thing_id: ThingId, label: &str, priority: Priority) {
        let command = Touch {
            thing_id,
            label: label.to_owned(),
        };
        self.app.process(command).priority(priority).await.unwrap();
    }

    /// Touches a new thing for each label, all in one write.
    pub async fn touch_all(&self, labels: impl IntoIterator<Item = String>, priority: Priority) {
        let submissions = labels.into_iter().map(|label| {
            Submission::new(Touch {
                thing_id: ThingId::new(),
                label,
            })
            .priority(priority)
        });
        for outcome in self.app.process_chunk(submissions).await {
            outcome.unwrap();
        }
    }

    pub async fn backlogs(&self) -> Vec<[Backlog; 2]> {
        self.app
            .tier()
            .broker
            .backlogs(&self.app.subscriptions())
            .await
            .unwrap()
    }

    /// Waits until every lane of every subscription is empty.
    pub async fn settled(&self) {
        self.until_backlogs(|backlogs| backlogs.iter().flatten().all(|lane| lane.lag == 0))
            .await;
    }

    /// Waits until the backlogs are as wanted.
    pub async fn until_backlogs(&self, wanted: impl Fn(&[[Backlog; 2]]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let backlogs = self.backlogs().await;
            if wanted(&backlogs) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "not in time; the backlogs are {backlogs:?}"
            );
            // sleep: between two looks at a condition that has no signal
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn summary(&self, thing_id: ThingId) -> ThingSummary {
        self.app
            .view::<ThingSummary>()
            .get(&thing_id)
            .await
            .unwrap()
            .expect("it is projected")
    }
}

/// A running engine.
pub struct Engine {
    pub monitor: Monitor,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Summary>,
}

impl Engine {
    /// Lets it finish what it does, and says what it did.
    pub async fn stop(mut self) -> Summary {
        self.stop.take().map(|stop| stop.send(()));
        self.task.await.unwrap()
    }

    /// Ends it on the spot.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}
