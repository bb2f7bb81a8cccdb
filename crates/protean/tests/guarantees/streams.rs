//! Commands that come as a stream: in order, in chunks, and no faster than they may wait.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use protean::Priority;
use protean::app::import::{Observer, Row};
use protean::app::{Error, ProcessAll, Receipt, Submission, iter};
use protean::domain::RoutedIn;
use protean::port::imports::State;
use protean::port::tracer::{Ending, Running, Sending, Span, Tracer};
use tokio::sync::{mpsc, watch};

use crate::shop::{Shop, TakeNote, ThingId, Touch, World};
use crate::told::Told;

/// The commands of a full chunk.
const CHUNK: usize = 500;

fn touch(label: impl Into<String>) -> Submission<Touch> {
    Submission::new(Touch {
        thing_id: ThingId::new(),
        label: label.into(),
    })
    .priority(Priority::Bulk)
}

fn touches(count: usize) -> impl Iterator<Item = Submission<Touch>> {
    (0..count).map(|nth| touch(nth.to_string()).idempotency_key(nth.to_string()))
}

async fn all<S, C>(mut outcomes: ProcessAll<Shop, S>) -> Vec<Result<Receipt, Error>>
where
    S: Stream<Item = Submission<C>>,
    C: RoutedIn<Shop>,
{
    let mut told = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        told.push(outcome);
    }
    assert!(outcomes.next().await.is_none(), "it ends once and for all");
    told
}

/// The commands that wait on the backfill lane.
async fn backlog(world: &World) -> u64 {
    world.backlogs().await[0][1].lag
}

/// A source that gives what it is sent.
struct Sent(mpsc::UnboundedReceiver<Submission<Touch>>);

impl Stream for Sent {
    type Item = Submission<Touch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Notes how many commands are sent together.
#[derive(Default)]
struct Chunks(Mutex<Vec<usize>>);

struct NoSpan;

impl Tracer for Chunks {
    fn sends(&self, sending: &Sending<'_>) -> Box<dyn Span> {
        self.0.lock().unwrap().push(sending.count);
        Box::new(NoSpan)
    }

    fn runs(&self, _: &Running<'_>) -> Box<dyn Span> {
        Box::new(NoSpan)
    }

    fn flush(&self, _: Duration) {}
}

impl Span for NoSpan {
    fn traceparent(&self) -> Option<Arc<str>> {
        None
    }

    fn end(self: Box<Self>, _: Ending<'_>) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_are_in_the_order_of_the_commands_whatever_becomes_of_them() {
    let world = World::new().await;
    let first = touch("first").idempotency_key("1");
    let first = world.app.process_chunk([first]).await.remove(0).unwrap();
    // Every tenth breaks a rule, and the second of each ten has a key that is taken.
    let source = (0..1_234).map(|nth| match nth % 10 {
        0 => touch("x".repeat(41)),
        1 => touch("again").idempotency_key("1"),
        _ => touch(nth.to_string()),
    });
    let outcomes = all(world.app.process_all(iter(source))).await;
    assert_eq!(outcomes.len(), 1_234);
    let mut last = first.position;
    for (nth, outcome) in outcomes.into_iter().enumerate() {
        match (nth % 10, outcome) {
            (0, Err(Error::Invalid(why))) => assert_eq!(
                why.fields()["label"],
                ["must have at most 40 characters, found 41"]
            ),
            (1, Ok(receipt)) => {
                assert!(receipt.duplicate, "{nth}");
                assert_eq!(receipt.command_id, first.command_id, "{nth}");
            }
            (_, Ok(receipt)) => {
                assert!(!receipt.duplicate && receipt.position > last, "{nth}");
                last = receipt.position;
            }
            (_, other) => panic!("{nth}: {other:?}"),
        }
    }
    assert_eq!(backlog(&world).await, 1 + 1_234 - 124 - 124);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_has_so_many_commands_or_so_many_bytes() {
    let world = World::new().await;
    let chunks = Arc::new(Chunks::default());
    let app = world.app.with_tracer(chunks.clone());
    all(app.process_all(iter(touches(1_234)))).await;
    let sent = std::mem::take(&mut *chunks.0.lock().unwrap());
    assert_eq!(sent, [CHUNK, CHUNK, 234]);
    // 700 kB each: the second brings a chunk over its bytes.
    let large = (0..5).map(|_| {
        let text = "x".repeat(700_000);
        Submission::new(TakeNote { text })
    });
    all(app.process_all(iter(large))).await;
    assert_eq!(*chunks.0.lock().unwrap(), [2, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_source_keeps_no_command_waiting_for_a_full_chunk() {
    let world = World::new().await;
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut outcomes = world.app.process_all(Sent(receiver));
    for round in 1..=3_u64 {
        for nth in 0..3 {
            sender.send(touch(nth.to_string())).unwrap();
        }
        for _ in 0..3 {
            outcomes.next().await.unwrap().unwrap();
        }
        assert_eq!(backlog(&world).await, 3 * round);
    }
    drop(sender);
    assert!(outcomes.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_before_it_is_asked_for() {
    let world = World::new().await;
    let read = Arc::new(AtomicUsize::new(0));
    let count = read.clone();
    let source = touches(10_000).inspect(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
    let mut outcomes = world.app.process_all(iter(source));
    tokio::task::yield_now().await;
    assert_eq!(read.load(Ordering::Relaxed), 0);
    outcomes.next().await.unwrap().unwrap();
    let chunks_max = 2 * CHUNK;
    assert!(read.load(Ordering::Relaxed) <= chunks_max);
    // The rest of the chunk is told without another look at the source.
    let before = read.load(Ordering::Relaxed);
    for _ in 1..CHUNK {
        outcomes.next().await.unwrap().unwrap();
    }
    assert_eq!(read.load(Ordering::Relaxed), before);
    assert_eq!(backlog(&world).await, CHUNK as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_in_the_middle_nothing_that_was_accepted_is_lost() {
    const COMMANDS: usize = 1_200;
    let world = World::new().await;
    // In the middle of a write, after a chunk, in the middle of the next, and in its write.
    for told in [0, 1, CHUNK, CHUNK + 7, 2 * CHUNK] {
        let mut outcomes = world.app.process_all(iter(touches(COMMANDS)));
        for _ in 0..told {
            outcomes.next().await.unwrap().unwrap();
        }
        tokio::select! {
            biased;
            _ = outcomes.next() => {}
            () = std::future::ready(()) => {}
        }
        drop(outcomes);
        assert!(backlog(&world).await >= told as u64);
    }
    let outcomes = all(world.app.process_all(iter(touches(COMMANDS)))).await;
    let known = outcomes
        .iter()
        .filter(|one| one.as_ref().unwrap().duplicate);
    assert!(known.count() >= 2 * CHUNK);
    assert_eq!(backlog(&world).await, COMMANDS as u64);
}

#[tokio::test]
async fn bulk_work_waits_while_too_much_of_it_is_not_handled_yet() {
    let told = Told::listen();
    let world = World::with("[server.priority_lanes]\nmax_backlog = 10").await;
    let mut outcomes = world.app.process_all(iter(touches(100)));
    for _ in 0..10 {
        outcomes.next().await.unwrap().unwrap();
    }
    tokio::select! {
        biased;
        outcome = outcomes.next() => panic!("it went on: {outcome:?}"),
        () = told.until("bulk work waits") => {}
    }
    assert_eq!(backlog(&world).await, 10);
    // What goes by the primary lane does not wait, whoever sends it.
    let urgent = (0..20).map(|nth| touch(nth.to_string()).priority(Priority::Normal));
    assert_eq!(all(world.app.process_all(iter(urgent))).await.len(), 20);
    assert_eq!(told.messages(), ["bulk work waits"]);
    let engine = world.engine();
    let rest = all(outcomes).await;
    assert_eq!(rest.iter().filter(|one| one.is_ok()).count(), 90);
    let words = ["bulk work waits", "bulk work goes on"];
    for (nth, message) in told.messages().iter().enumerate() {
        assert_eq!(message, words[nth % 2], "each is told once");
    }
    world.settled().await;
    engine.stop().await;
}

/// Says what operators ask of an import.
struct Asked(watch::Sender<Option<State>>);

impl Observer<()> for Asked {
    fn asked(&mut self, state: State) {
        self.0.send_replace(Some(state));
    }
}

#[tokio::test]
async fn an_import_waits_like_any_bulk_work_and_hears_operators_meanwhile() {
    let told = Told::listen();
    let world = World::with("[server.priority_lanes]\nmax_backlog = 10").await;
    let (sender, mut asked) = watch::channel(None);
    let app = world.app.clone();
    let importing = tokio::spawn(async move {
        let rows = (0..35_u64).map(|row| {
            Row::new(Touch {
                thing_id: ThingId::new(),
                label: row.to_string(),
            })
        });
        let import = app.import(iter(rows)).name("things");
        import.observe(Asked(sender)).run().await
    });
    told.until("bulk work waits").await;
    assert_eq!(backlog(&world).await, 10);
    let imports = world.app.imports();
    for state in [State::Paused, State::Running] {
        imports.ask("things", state).await.unwrap();
        asked.wait_for(|one| *one == Some(state)).await.unwrap();
    }
    assert_eq!(backlog(&world).await, 10);
    let engine = world.engine();
    let outcome = importing.await.unwrap().unwrap();
    assert_eq!(
        (outcome.state, outcome.progress.accepted),
        (State::Finished, 35)
    );
    world.settled().await;
    engine.stop().await;
}
