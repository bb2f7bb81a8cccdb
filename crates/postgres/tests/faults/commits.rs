//! Commits, while the server is killed or connections to it break.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use protean_core::Priority;
use protean_core::port::Tier;
use protean_core::port::store::Refused;
use protean_testing::item::{SCHEMAS, insert, lane, message, publication};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::engine::at_random;
use crate::rig::{database, open, query, server, through};

/// Tasks that commit on each lane, one commit after another.
const TASKS: usize = 4;

/// What a task was told of its commits, by the ids of their messages.
#[derive(Default)]
struct Told {
    accepted: Vec<Uuid>,
    doubtful: Vec<Uuid>,
}

impl Told {
    fn join(mut self, other: Self) -> Self {
        self.accepted.extend(other.accepted);
        self.doubtful.extend(other.doubtful);
        self
    }
}

/// Commits a message at a time, every other one with a row, until told to stop.
async fn commit(tier: Tier, priority: Priority, stop: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    let mut with_row = true;
    while !stop.load(Ordering::Relaxed) {
        let message = message(None, priority);
        let mut commit = publication(std::slice::from_ref(&message));
        if with_row {
            commit.writes = insert(message.id, &message.id.to_string(), 0).writes;
        }
        with_row = !with_row;
        let mut results = tier.store.commit(lane(&message), vec![commit]).await;
        match results.remove(0) {
            Ok(_) => told.accepted.push(message.id),
            Err(Refused::Store(error)) if error.is_transient() => told.doubtful.push(message.id),
            Err(other) => panic!("{other}"),
        }
    }
    told
}

/// Commits on both lanes until `trouble` is over.
async fn commits_during(tier: &Tier, trouble: impl Future<Output = ()>) -> Told {
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for priority in [Priority::Normal, Priority::Bulk] {
        for _ in 0..TASKS {
            tasks.spawn(commit(tier.clone(), priority, stop.clone()));
        }
    }
    trouble.await;
    stop.store(true, Ordering::Relaxed);
    let told = tasks.join_all().await;
    told.into_iter().fold(Told::default(), Told::join)
}

/// What was accepted is there once, what is doubtful at most once, and nothing else.
fn assert_kept(uri: &str, told: &Told) {
    let mut found: HashMap<String, u64> = HashMap::new();
    for id in query(uri, "SELECT id FROM protean_message") {
        *found.entry(id).or_default() += 1;
    }
    for id in &told.accepted {
        let count = found.remove(&id.to_string());
        assert_eq!(count, Some(1), "{id} was accepted");
    }
    for id in &told.doubtful {
        let count = found.remove(&id.to_string());
        assert!(count.is_none_or(|count| count == 1), "{id}: {count:?}");
    }
    assert!(found.is_empty(), "{found:?}");
    // A row without its message, or a number that is missing, would be half a commit.
    let sql = "SELECT count(*) FROM item WHERE id NOT IN (SELECT id FROM protean_message)";
    assert_eq!(query(uri, sql), ["0"]);
    let sql = "SELECT count(*) FROM protean_queue AS q WHERE head <>
        (SELECT count(*) FROM protean_message AS m WHERE m.queue = q.id)";
    assert_eq!(query(uri, sql), ["0"]);
    assert!(!told.accepted.is_empty(), "nothing was accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_a_server_that_is_killed_keeps_what_it_accepted_and_doubles_nothing() {
    let server = server();
    let uri = server.create_database().unwrap();
    let tier = open(&uri);
    tier.tables.setup(SCHEMAS).await.unwrap();
    let told = commits_during(&tier, async {
        for _ in 0..3 {
            at_random(Duration::from_millis(600)).await;
            tokio::task::block_in_place(|| {
                server.kill().unwrap();
                server.start_again().unwrap();
            });
        }
        at_random(Duration::from_millis(300)).await;
    });
    assert_kept(&uri, &told.await);
}

#[tokio::test(flavor = "multi_thread")]
async fn l9_a_connection_that_breaks_leaves_no_caller_guessing() {
    let uri = database().await;
    let (proxy, broken) = through(&uri);
    let tier = open(&broken);
    let told = commits_during(&tier, async {
        for _ in 0..40 {
            at_random(Duration::from_millis(100)).await;
            tokio::task::block_in_place(|| proxy.cut().unwrap());
        }
    });
    let told = told.await;
    assert!(told.doubtful.is_empty(), "{} doubtful", told.doubtful.len());
    assert_kept(&uri, &told);
}

/// A connection that breaks while it commits, where no other is to be had for a while.
#[tokio::test(flavor = "multi_thread")]
async fn l9_a_network_that_is_away_for_a_while_doubles_nothing() {
    let uri = database().await;
    let (proxy, broken) = through(&uri);
    let tier = open(&broken);
    let told = commits_during(&tier, async {
        for _ in 0..10 {
            at_random(Duration::from_millis(300)).await;
            tokio::task::block_in_place(|| proxy.refuse().unwrap());
            at_random(Duration::from_millis(150)).await;
            tokio::task::block_in_place(|| proxy.accept().unwrap());
        }
    });
    let told = told.await;
    assert!(told.doubtful.is_empty(), "{} doubtful", told.doubtful.len());
    assert_kept(&uri, &told);
}
