//! Messages that a handler takes together: in order, each once, and none at the cost of another.

use std::collections::HashMap;
use std::sync::Arc;

use protean::config::Config;
use protean::port::dead_letters::Filter;
use protean::prelude::*;
use protean::throttle::Throttle;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::shop::{
    Note, NoteCommandHandler, PATIENCE, Probe, TakeNote, ThingCommandHandler, ThingId, Touch,
    Touched,
};

/// The most messages that are handled together.
const TOGETHER_MAX: usize = 64;

/// What was given to the handlers of this test, call by call.
type Calls = watch::Sender<Vec<Vec<Touched>>>;

/// How often a thing was touched.
#[derive(Debug, Clone, Projection)]
pub struct Sum {
    #[id]
    pub thing_id: ThingId,
    pub count: i64,
    pub labels: String,
}

/// Adds touches up, many at once.
pub struct Sums {
    calls: Calls,
}

#[projector(into = Sum)]
impl Sums {
    #[on_many]
    async fn touched(&self, events: Vec<Touched>, rows: &mut Rows<'_, Sum>) -> Result<(), Failure> {
        self.calls.send_modify(|calls| calls.push(events.clone()));
        if let Some(bad) = events.iter().find(|one| one.label == "bad") {
            return Err(Failure::refuse(format!("{} cannot be added", bad.label)));
        }
        for event in events {
            let thing_id = event.thing_id;
            let mut sum = rows.find(thing_id).await?.unwrap_or(Sum {
                thing_id,
                count: 0,
                labels: String::new(),
            });
            sum.count += 1;
            sum.labels += &format!("{} ", event.label);
            match sum.count {
                1 => rows.put(sum).await?,
                _ => rows.update(thing_id, |known| *known = sum).await?,
            }
        }
        Ok(())
    }
}

/// Takes a note of every touch, many at once.
pub struct Clerk {
    calls: Calls,
}

#[event_handler]
impl Clerk {
    #[on_many]
    async fn touched(&self, events: Vec<Touched>, units: &mut Units<'_>) -> Result<(), Failure> {
        self.calls.send_modify(|calls| calls.push(events.clone()));
        for (nth, event) in events.into_iter().enumerate() {
            let unit = units.of(nth);
            if event.label == "taken" {
                let (id, text) = (event.thing_id, event.label.clone());
                unit.add(Root::new(Note { id, text })?)?;
            }
            unit.process(&TakeNote { text: event.label })?;
        }
        Ok(())
    }
}

#[derive(Domain)]
#[domain(name = "ledger")]
pub struct Ledger {
    pub things: ThingCommandHandler,
    pub notes: NoteCommandHandler,
    pub sums: Sums,
    pub clerk: Clerk,
}

struct Books {
    app: App<Ledger>,
    sums: Calls,
    clerk: Calls,
    _folder: TempDir,
}

/// A server of the ledger.
struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Books {
    async fn with(settings: &str) -> Self {
        let text = format!("{settings}\n[server.stream_subscription]\nmax_retries = 1\n");
        let mut config = Config::parse(&text, "domain.toml", None, &|_| None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        config.use_file(&folder.path().join("ledger.db"));
        let probe = Arc::new(Probe::new());
        let (sums, clerk) = (Calls::default(), Calls::default());
        let ledger = Ledger {
            things: ThingCommandHandler {
                probe: probe.clone(),
            },
            notes: NoteCommandHandler { probe },
            sums: Sums {
                calls: sums.clone(),
            },
            clerk: Clerk {
                calls: clerk.clone(),
            },
        };
        Self {
            app: protean::open(ledger, config).await.unwrap(),
            sums,
            clerk,
            _folder: folder,
        }
    }

    /// Touches things so often, each time with the next number, and has the events wait together.
    async fn touched(settings: &str, labels: impl IntoIterator<Item = (ThingId, String)>) -> Self {
        let books = Self::with(settings).await;
        for name in ["Sums", "Clerk"] {
            books.ask(name, Throttle::Paused).await;
        }
        books.touch(labels, Priority::Bulk).await;
        let server = books.serve();
        books.until_lag([0, 0]).await;
        server.stop().await;
        for name in ["Sums", "Clerk"] {
            books.ask(name, Throttle::Running).await;
        }
        books
    }

    async fn touch(&self, labels: impl IntoIterator<Item = (ThingId, String)>, priority: Priority) {
        for (thing_id, label) in labels {
            let correlation_id = label.clone();
            let touch = self.app.process(Touch { thing_id, label });
            let touch = touch.priority(priority).correlation_id(correlation_id);
            touch.await.unwrap();
        }
    }

    async fn ask(&self, name: &str, throttle: Throttle) {
        let controls = &self.app.tier().controls;
        controls.throttle(Some(name), throttle).await.unwrap();
    }

    fn serve(&self) -> Server {
        let (stop, stopped) = oneshot::channel::<()>();
        let app = self.app.clone();
        let task = tokio::spawn(async move {
            let stopped = async move { stopped.await.unwrap_or(()) };
            protean::serve(app, stopped).await.unwrap();
        });
        Server { stop, task }
    }

    /// Waits until the first subscriptions have so many messages before them.
    async fn until_lag<const N: usize>(&self, wanted: [u64; N]) {
        let subscriptions = &self.app.subscriptions()[..N];
        let looking = async {
            loop {
                let backlogs = self.app.tier().broker.backlogs(subscriptions).await;
                let lags = backlogs.unwrap().into_iter();
                let lags: Vec<u64> = lags
                    .map(|lanes| lanes.iter().map(|lane| lane.lag).sum())
                    .collect();
                if lags == wanted {
                    return;
                }
                // sleep: between two looks at a condition that has no signal
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, looking).await;
        assert!(seen.is_ok(), "not in time");
    }

    async fn sum(&self, thing_id: ThingId) -> Option<Sum> {
        self.app.view::<Sum>().get(&thing_id).await.unwrap()
    }

    async fn dead(&self, name: &str) -> Vec<String> {
        let all = Filter::default();
        let letters = self.app.tier().dead_letters.list(&all, 100);
        let letters = letters.await.unwrap().into_iter();
        let own = letters.filter(|one| &*one.subscription.name == name);
        own.map(|one| one.message.correlation_id.to_string())
            .collect()
    }
}

impl Server {
    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }

    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// So many touches of some things, numbered.
fn numbered(things: &[ThingId], count: usize) -> Vec<(ThingId, String)> {
    (0..count)
        .map(|nth| (things[nth % things.len()], nth.to_string()))
        .collect()
}

fn sizes(calls: &Calls) -> Vec<usize> {
    calls.borrow().iter().map(Vec::len).collect()
}

fn labels(calls: &Calls) -> Vec<String> {
    let calls = calls.borrow();
    calls
        .iter()
        .flatten()
        .map(|one| one.label.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn l8_l9_messages_are_handled_together_in_order_and_each_once() {
    let things: Vec<_> = (0..10).map(|_| ThingId::new()).collect();
    let books = Books::touched("", numbered(&things, 300)).await;
    let server = books.serve();
    let mut calls = books.sums.subscribe();
    let together = |calls: &Vec<Vec<Touched>>| calls.iter().any(|call| call.len() > 1);
    // What was seen is let go of at once: handlers wait to tell of their calls.
    let seen = async { calls.wait_for(together).await.is_ok() };
    let seen = tokio::time::timeout(PATIENCE, seen).await;
    assert_eq!(seen, Ok(true), "they come one by one");
    server.kill().await;
    let server = books.serve();
    books.until_lag([0; 4]).await;
    server.stop().await;
    let sizes = sizes(&books.sums);
    assert!(sizes.iter().all(|size| *size <= TOGETHER_MAX), "{sizes:?}");
    for (nth, thing_id) in things.into_iter().enumerate() {
        let sum = books.sum(thing_id).await.unwrap();
        let own = (0..30).map(|round| format!("{} ", round * 10 + nth));
        assert_eq!((sum.count, sum.labels), (30, own.collect()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_one_of_them_is_caused_by_that_one() {
    let books = Books::touched("", numbered(&[ThingId::new()], 100)).await;
    let server = books.serve();
    books.until_lag([0; 4]).await;
    server.stop().await;
    assert!(sizes(&books.clerk).iter().any(|size| *size > 1));
    let log = &books.app.tier().log;
    for nth in 0..100 {
        let trace = log.trace(&nth.to_string(), 10).await.unwrap();
        let of: HashMap<_, _> = trace
            .iter()
            .map(|entry| (&*entry.message.type_name, &entry.message))
            .collect();
        let note = of["Ledger.TakeNote.v1"];
        assert_eq!(note.causation_id, Some(of["Ledger.Touched.v1"].id), "{nth}");
        assert_eq!(note.data, format!(r#"{{"text":"{nth}"}}"#));
        assert_eq!((note.priority, trace.len()), (Priority::Bulk, 4));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l10_one_that_fails_costs_only_itself() {
    let things: Vec<_> = (0..100).map(|_| ThingId::new()).collect();
    let mut touches = numbered(&things, 100);
    touches[30].1 = "bad".to_owned();
    let books = Books::touched("", touches).await;
    let server = books.serve();
    books.until_lag([0; 4]).await;
    server.stop().await;
    assert_eq!(books.dead("Sums").await, ["bad"]);
    let tries = labels(&books.sums);
    let bad = tries.iter().filter(|one| *one == "bad").count();
    assert_eq!(bad, 2, "together, and alone");
    for (nth, thing_id) in things.into_iter().enumerate() {
        let count = books.sum(thing_id).await.map(|sum| sum.count);
        assert_eq!(count, (nth != 30).then_some(1), "{nth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_the_store_refuses_costs_only_itself() {
    let things: Vec<_> = (0..100).map(|_| ThingId::new()).collect();
    let mut touches = numbered(&things, 100);
    // The second has the identity of the first.
    for nth in [30, 31] {
        touches[nth] = (things[30], "taken".to_owned());
    }
    let books = Books::touched("", touches).await;
    let server = books.serve();
    books.until_lag([0; 4]).await;
    server.stop().await;
    assert_eq!(books.dead("Clerk").await, ["taken"]);
    let notes = books.app.tier().log.trace("taken", 100).await.unwrap();
    let of = |name: &str| {
        let notes = notes.iter();
        notes.filter(|one| *one.message.type_name == *name).count()
    };
    assert_eq!((of("Ledger.Touched.v1"), of("Ledger.TakeNote.v1")), (2, 1));
    let all = labels(&books.clerk);
    let once = all.iter().filter(|one| *one == "99").count();
    assert_eq!(once, 1, "later ones are not tried twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_come_as_backfill_comes_alone() {
    for settings in ["", "event_processing = \"sync\"\n"] {
        let books = Books::with(settings).await;
        let thing_id = ThingId::new();
        books
            .touch(numbered(&[thing_id], 20), Priority::Normal)
            .await;
        let server = books.serve();
        books.until_lag([0; 4]).await;
        server.stop().await;
        // What was to go along with its event and did not is given once more.
        let given = sizes(&books.sums);
        let alone = given.iter().all(|size| *size == 1);
        assert!(alone && given.len() >= 20, "{settings} {given:?}");
        assert_eq!(sizes(&books.clerk), [1; 20], "{settings}");
        assert_eq!(books.sum(thing_id).await.unwrap().count, 20);
    }
}
