//! Workers that are shell scripts: they say what they like on their tether, which is file 0.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::keeper::{Keeper, Order};
use super::program::Program;
use crate::Error;
use crate::server::handled::Handled;

/// Longer than any test runs.
const FOREVER: Duration = Duration::from_secs(3_600);

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has a worker say that it is ready.
const READY: &str = "echo '\"ready\"' >&0; ";

struct Kept {
    orders: watch::Sender<Order>,
    ready: mpsc::Receiver<()>,
    keeper: JoinHandle<Result<Handled, Error>>,
}

/// Keeps a worker running that is a script; `$1` is a folder of its own.
fn keep(script: &str, folder: &tempfile::TempDir, grace: Duration) -> Kept {
    let (orders, orders_seen) = watch::channel(Order::Work);
    let (tell, ready) = mpsc::channel(1);
    let folder = folder.path().to_str().unwrap();
    let keeper = Keeper {
        number: 1,
        program: Arc::new(Program::of("/bin/sh", &["sh", "-c", script, "sh", folder])),
        orders: orders_seen,
        ready: Some(tell),
        grace,
    };
    Kept {
        orders,
        ready,
        keeper: tokio::spawn(keeper.keep()),
    }
}

#[tokio::test]
async fn a_worker_that_never_was_ready_is_given_up_with_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    for (script, why) in [
        ("echo '{\"failed\":\"no room\"}' >&0; exit 3", "no room"),
        ("exit 7", "exit status: 7"),
        ("kill -KILL $$", "signal: 9 (SIGKILL)"),
    ] {
        let script = format!("echo >> $1/starts; {script}");
        let error = keep(&script, &folder, FOREVER).keeper.await.unwrap();
        let error = error.unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert_eq!(
            error.to_string(),
            format!(
                "[PE0505] expected worker 1 to start, but it failed 3 times in a row; the last \
                 time: {why}"
            )
        );
    }
    let starts = std::fs::read_to_string(folder.path().join("starts")).unwrap();
    assert_eq!(starts.lines().count(), 9);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let (_orders, orders_seen) = watch::channel(Order::Work);
    let keeper = Keeper {
        number: 2,
        program: Arc::new(Program::of(missing.to_str().unwrap(), &["missing"])),
        orders: orders_seen,
        ready: None,
        grace: FOREVER,
    };
    let told = keeper.keep().await.unwrap_err().to_string();
    assert!(told.contains("cannot be started: No such file"), "{told}");
}

#[tokio::test]
async fn a_worker_that_ends_unasked_is_replaced_and_what_it_did_counts() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = "echo '{\"stopped\":{\"primary\":1,\"backfill\":20,\"interrupted\":false}}' >&0";
    // The fourth one stays; even so many deaths are no reason to give up one that was ready.
    let script = format!(
        "echo >> $1/starts; {READY}{stopped}; [ $(wc -l < $1/starts) -lt 4 ] && exit 1; \
         trap 'exit 0' TERM; echo > $1/lasts; while :; do sleep 0.01; done"
    );
    let mut kept = keep(&script, &folder, FOREVER);
    kept.ready.recv().await.unwrap();
    assert_eq!(kept.ready.recv().await, None, "only the first one is told");
    let began = Instant::now();
    while !folder.path().join("lasts").exists() {
        assert!(began.elapsed() < PATIENCE, "not replaced in time");
        // sleep: between two looks at a condition that has no signal
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    kept.orders.send(Order::Stop).unwrap();
    let handled = kept.keeper.await.unwrap().unwrap();
    let expected = Handled {
        primary: 4,
        backfill: 80,
        interrupted: false,
    };
    assert_eq!(handled, expected);
}

#[tokio::test]
async fn a_worker_that_does_not_end_in_time_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("trap '' TERM; {READY}while :; do sleep 0.01; done");
    let grace = Duration::from_millis(20);
    let mut kept = keep(&script, &folder, grace);
    kept.ready.recv().await.unwrap();
    kept.orders.send(Order::Stop).unwrap();
    let handled = kept.keeper.await.unwrap().unwrap();
    assert!(handled.interrupted);

    let mut kept = keep(&script, &folder, FOREVER);
    kept.ready.recv().await.unwrap();
    kept.orders.send(Order::Stop).unwrap();
    kept.orders.send(Order::Die).unwrap();
    let handled = kept.keeper.await.unwrap().unwrap();
    assert_eq!(handled, Handled::default());
}
