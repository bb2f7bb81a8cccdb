//! One transaction: as many commits as its turn allows.

use std::time::Duration;

use protean_core::port;
use protean_core::port::store::{Committed, Refused};
use rusqlite::Connection;

use super::Shared;
use super::job::{Batch, Job, Results};
use super::state::State;
use crate::bell::News;
use crate::database::BUSY_TIMEOUT;
use crate::error::failed;

/// Takes the lock for writing at once, rather than at the first change.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// How commits are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Not at all: the first one that is refused ends the attempt. Nearly every transaction has
    /// none, and is spared a savepoint for each commit.
    Plain,
    /// By savepoints, so that one that is refused costs only itself.
    Guarded,
}

/// Why an attempt came to nothing.
enum Abort {
    /// A commit was refused in plain mode.
    Refused,
    /// The transaction itself failed.
    Broken(port::Error),
}

/// Results that become true when the transaction is committed, job by job.
#[derive(Default)]
struct Tentative {
    batches: Vec<(usize, Results, bool)>,
    tasks: Vec<(usize, Result<(), port::Error>)>,
}

/// Begins a transaction that [`write`] goes on with, unless somebody holds SQLite's own lock, who
/// passed no turnstile: an SQL shell, say. Waits for nobody.
pub(super) fn begin_at_once(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let begun = execute(connection, BEGIN).is_ok();
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(begun)
}

/// Writes jobs in one transaction, in order, until `is_over`; at least one commit is written. Says
/// what subscriptions have to hear. Jobs that have all their results are done; of the others,
/// what has no result was not written.
pub(super) fn write(
    connection: &Connection,
    shared: &Shared,
    jobs: &mut [Job],
    is_over: impl Fn() -> bool,
) -> News {
    let mut outcome = Err(Abort::Refused);
    for mode in [Mode::Plain, Mode::Guarded] {
        outcome = attempt(connection, shared, jobs, mode, &is_over);
        if outcome.is_err() {
            roll_back(connection);
        }
        if !matches!(outcome, Err(Abort::Refused)) {
            break;
        }
    }
    match outcome {
        Ok((tentative, news)) => {
            tentative.settle(jobs);
            news
        }
        Err(Abort::Refused) => News::default(),
        Err(Abort::Broken(error)) => {
            tracing::error!(%error, "a transaction failed");
            jobs.iter_mut().for_each(|job| job.refuse(&error));
            News::default()
        }
    }
}

fn attempt(
    connection: &Connection,
    shared: &Shared,
    jobs: &mut [Job],
    mode: Mode,
    is_over: &impl Fn() -> bool,
) -> Result<(Tentative, News), Abort> {
    let broken = |error: rusqlite::Error| Abort::Broken(failed("the transaction", &error));
    if connection.is_autocommit() {
        execute(connection, BEGIN).map_err(broken)?;
    }
    let mut state = State::new(connection, &shared.catalog);
    let mut tentative = Tentative::default();
    for (nth, job) in jobs.iter_mut().enumerate() {
        if nth > 0 && is_over() {
            break;
        }
        match job {
            Job::Task(task) => {
                let result = guarded(connection, || (task.run)(connection)).map_err(broken)?;
                state.news_of_everything(task.rings);
                tentative.tasks.push((nth, result));
            }
            Job::Batch(batch) => {
                let (results, refused) = commits(&mut state, batch, mode, is_over)?;
                let complete = batch.results.len() + results.len() == batch.commits.len();
                tentative.batches.push((nth, results, refused));
                if !complete {
                    break;
                }
            }
        }
    }
    let (news, moved) = state.finish().map_err(broken)?;
    execute(connection, "COMMIT").map_err(broken)?;
    shared.known.learn(moved);
    Ok((tentative, news))
}

/// Applies the commits of a batch that have no result yet.
fn commits(
    state: &mut State<'_>,
    batch: &Batch,
    mode: Mode,
    is_over: &impl Fn() -> bool,
) -> Result<(Results, bool), Abort> {
    let mut results = Results::new();
    let mut refused = batch.refused;
    for commit in &batch.commits[batch.results.len()..] {
        if !results.is_empty() && is_over() {
            break;
        }
        let result = if refused && commit.dependent {
            Err(Refused::Dependent)
        } else if mode == Mode::Plain {
            state.apply(commit)
        } else {
            state.apply_guarded(commit)
        };
        if result.is_err() && mode == Mode::Plain {
            return Err(Abort::Refused);
        }
        if let Ok(Committed::Done { .. }) = &result {
            let settlements = commit.settlements.iter();
            settlements.for_each(|one| state.records.add(one));
        }
        refused |= result.is_err();
        results.push(result);
    }
    Ok((results, refused))
}

/// Runs something so that it leaves nothing behind when it fails.
fn guarded<T>(
    connection: &Connection,
    run: impl FnOnce() -> Result<T, port::Error>,
) -> rusqlite::Result<Result<T, port::Error>> {
    execute(connection, "SAVEPOINT task")?;
    let result = run();
    if result.is_err() {
        execute(connection, "ROLLBACK TO task")?;
    }
    execute(connection, "RELEASE task")?;
    Ok(result)
}

pub(super) fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = execute(connection, "ROLLBACK") {
        tracing::error!(%error, "a transaction cannot be rolled back");
    }
}

impl Tentative {
    /// The transaction is durable: the results are true.
    fn settle(self, jobs: &mut [Job]) {
        for (nth, results, refused) in self.batches {
            if let Job::Batch(batch) = &mut jobs[nth] {
                batch.results.extend(results);
                batch.refused = refused;
            }
        }
        for (nth, result) in self.tasks {
            if let Job::Task(task) = &mut jobs[nth] {
                task.result = Some(result);
            }
        }
    }
}
