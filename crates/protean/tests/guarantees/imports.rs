//! Imports: every row once, wherever an import is broken off.

use std::sync::{Arc, Mutex};

use protean::app::import::{
    Cause, Error, Observer, Record, Rejection, RejectsMax, Row, iter, row_of,
};
use protean::port::imports::{Progress, State};
use protean::prelude::Invalid;
use protean::throttle::Rate;

use uuid::Uuid;

use crate::shop::{Behaviour, ThingId, ThingSummary, Touch, World};

fn touch(label: &str) -> Touch {
    Touch {
        thing_id: ThingId::new(),
        label: label.to_owned(),
    }
}

type Item = Result<Row<Touch>, std::io::Error>;

/// So many rows, every tenth of which is bad: by its own rules, or from the start.
fn rows(count: u64) -> impl Iterator<Item = Item> {
    (1..=count).map(|row| {
        Ok(match row % 20 {
            10 => Row::rejected(Invalid::field("label", "is torn")),
            0 => Row::new(touch(&"x".repeat(41))),
            _ => Row::new(touch(&row.to_string())).line(row + 1),
        })
    })
}

/// Rows that break off after so many.
fn broken(count: u64) -> impl Iterator<Item = Item> + Unpin {
    rows(count).chain(std::iter::once(Err(std::io::Error::other("torn off"))))
}

/// The rejects that count, as a file would have them: what was not written down is cut off.
#[derive(Clone, Default)]
struct Rejects(Arc<Mutex<Vec<u64>>>);

impl Observer<()> for Rejects {
    fn begins(&mut self, import: &Record) -> Result<(), Cause> {
        let kept = usize::try_from(import.progress.rejects_bytes)?;
        self.0.lock().unwrap().truncate(kept);
        Ok(())
    }

    fn rejected(&mut self, rejection: Rejection<()>) -> Result<(), Cause> {
        self.0.lock().unwrap().push(rejection.row);
        Ok(())
    }

    fn written(&mut self) -> Result<u64, Cause> {
        Ok(self.0.lock().unwrap().len() as u64)
    }
}

async fn accepted(world: &World) -> u64 {
    let command = &world.app.subscriptions()[0];
    let broker = &world.app.tier().broker;
    let backlogs = broker.backlogs(std::slice::from_ref(command)).await;
    backlogs.unwrap()[0].iter().map(|lane| lane.lag).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_broken_off_goes_on_where_it_was() {
    let world = World::new().await;
    let rejects = Rejects::default();
    for breaks_after in [7, 1_234, 2_000] {
        let import = world.app.import(iter(broken(breaks_after))).name("things");
        let broken = import.observe(rejects.clone()).run().await;
        assert!(matches!(broken, Err(Error::Source(_))), "{broken:?}");
    }
    let import = world.app.import(iter(rows(3_000))).name("things");
    let outcome = import.observe(rejects.clone()).run().await.unwrap();
    assert_eq!(
        (outcome.state, outcome.before.rows),
        (State::Finished, 2_000)
    );
    let Progress {
        rows: done,
        accepted: good,
        rejected,
        duplicates,
        ..
    } = outcome.progress;
    assert_eq!((done, good, rejected, duplicates), (3_000, 2_700, 300, 0));
    assert_eq!(accepted(&world).await, 2_700);
    let rejected = rejects.0.lock().unwrap().clone();
    assert_eq!(rejected, (1..=300).map(|nth| nth * 10).collect::<Vec<_>>());
    // Once more, nothing happens.
    let import = world.app.import(iter(rows(3_000))).name("things");
    let again = import.run().await.unwrap();
    assert_eq!(
        (again.before, again.progress),
        (outcome.progress, outcome.progress)
    );
    assert_eq!(accepted(&world).await, 2_700);
}

/// A power cut between a write and the note of it: the rows are told from those of others.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_submitted_and_not_written_down_are_counted_once() {
    let world = World::new().await;
    let cut = world
        .app
        .import(iter(broken(400)))
        .name("things")
        .run()
        .await;
    assert!(cut.is_err());
    let imports = &world.app.tier().imports;
    let plan = imports.find("things").await.unwrap().unwrap().plan;
    let runner = Uuid::now_v7();
    imports.start(&plan, runner).await.unwrap();
    let forgotten = imports.advance("things", runner, Progress::default()).await;
    assert_eq!(forgotten.unwrap(), Some(State::Running));
    let outcome = world.app.import(iter(rows(500))).name("things").run().await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.again, outcome.progress.accepted), (360, 450));
    assert_eq!(accepted(&world).await, 450);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_once_in_all_imports() {
    let world = World::new().await;
    let keyed = |keys: [&'static str; 3]| keys.map(|key| Row::new(touch(key)).key(key));
    let first = world.app.import(iter(keyed(["a", "b", "a"]))).name("first");
    let progress = first.run().await.unwrap().progress;
    assert_eq!((progress.accepted, progress.duplicates), (2, 1));
    let second = world
        .app
        .import(iter(keyed(["b", "c", "a"])))
        .name("second");
    let progress = second.run().await.unwrap().progress;
    assert_eq!((progress.accepted, progress.duplicates), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_itself_or_refused() {
    let world = World::new().await;
    let import = || world.app.import(iter(broken(5))).name("things");
    let _ = import().of("things.csv", "0af7").run().await;
    let changed = import().of("things.csv", "ffff").run().await;
    assert_says(
        &changed.unwrap_err(),
        "[PE0852] the import things was started with another content: expected 0af7, found ffff; it goes on with what it was started with, and anything else needs a name of its own",
    );
    let mapped = import()
        .of("things.csv", "0af7")
        .arguments("--map a=b")
        .run()
        .await;
    assert!(matches!(
        mapped,
        Err(Error::Changed {
            what: "mapping",
            ..
        })
    ));
    let nameless = world.app.import(iter(rows(1))).name("a b").run().await;
    assert_says(
        &nameless.unwrap_err(),
        "[PE0851] expected a name for the import of at most 100 letters, digits, `-`, `_` and `.`, found \"a b\"",
    );
    let limited = world.app.import(iter(rows(100))).name("few");
    let stopped = limited.rejects_max(RejectsMax::Rows(9)).run().await;
    assert!(
        matches!(stopped, Err(Error::TooManyRejected { rejected: 10, .. })),
        "{stopped:?}"
    );
}

fn assert_says(error: &Error, text: &str) {
    assert_eq!(error.to_string(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_import_leaves_nothing_that_is_neither_handled_nor_withdrawn() {
    let world = World::new().await;
    let app = world.app.clone();
    let running = tokio::spawn(async move {
        let all = (1..).map(|row: u64| Row::new(touch(&row.to_string())));
        let import = app.import(iter(all)).name("endless");
        import.rate(Rate::per_second(2_000.0).unwrap()).run().await
    });
    let engine = world.engine();
    world.probe.until(|log| log.len() > 200).await;
    world
        .app
        .imports()
        .ask("endless", State::Paused)
        .await
        .unwrap();
    let cancelled = world.app.imports().cancel("endless").await.unwrap();
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.state, State::Cancelled);
    assert_eq!(outcome.progress, cancelled.import.progress);
    world
        .app
        .imports()
        .settled("endless", |_| {})
        .await
        .unwrap();
    let handled = outcome.progress.accepted - cancelled.withdrawn;
    let things = world.app.view::<ThingSummary>();
    assert_eq!(things.select().page().await.unwrap().total, handled);
    let again = world.app.import(iter(rows(1))).name("endless").run().await;
    assert!(matches!(again, Err(Error::Cancelled { .. })), "{again:?}");
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_found_by_its_row() {
    let world = World::new().await;
    world.probe.on("3", Behaviour::Refuse);
    let engine = world.engine();
    let import = world.app.import(iter(rows(5))).name("things");
    import.run().await.unwrap();
    world.app.imports().settled("things", |_| {}).await.unwrap();
    let failures = world.app.imports().failures("things", 10).await.unwrap();
    assert_eq!(failures.len(), 1);
    let of = row_of(&failures[0].message.correlation_id, "things");
    assert_eq!(of, Some((3, 4)));
    engine.stop().await;
}
