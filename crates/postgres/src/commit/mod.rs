//! Commits: everything that waits on a lane shares a transaction, each commit of which succeeds or
//! is refused by itself.
//!
//! A transaction is a fixed number of statements, whatever the number of commits: arrays of rows,
//! one per column. They are sent in two rounds, so a commit costs two round trips and one flush,
//! alone or with hundreds; in one when its process has the lane to itself and nothing has to be
//! known before. A transaction of one message is one statement then (ADR 32). When one of them is
//! refused the transaction is rolled back and written again without it: nearly every transaction has
//! none.
//!
//! Callers hear of a commit after it is durable, and not before. A connection that breaks on the
//! way does not leave them guessing: PostgreSQL is asked what became of the transaction.

mod along;
mod attempt;
mod batch;
mod clash;
mod cursors;
mod fate;
mod first;
mod in_order;
mod insert;
mod known;
mod last;
mod lone;
mod parcel;
mod publish;
mod send;
mod sets;
mod settle;
mod statements;
mod take_in;
mod way;
mod whole;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use protean_core::Lane;
use protean_core::port::store::{Commit, Committed, Refused};
use tokio::sync::{Semaphore, oneshot};

use crate::Postgres;
use crate::bell::News;
use crate::error::unavailable;
use batch::Batch;
pub(crate) use known::Known;
pub(crate) use publish::Queues;
pub(crate) use take_in::take_in;
use way::Way;
use whole::Wholes;

/// What became of each commit of a batch.
pub(crate) type Results = Vec<Result<Committed, Refused>>;

/// The most commits in one transaction: what a flush is worth, and not so much that the first of
/// them waits noticeably for the last.
const COMMITS_MAX: usize = 512;

/// Transactions of a lane at the same time: while one is flushed, the next is written.
const TRANSACTIONS_MAX: [usize; 2] = [4, 2];

/// How long a caller waits for a commit, before it is told that the store is not available.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The commits that wait, and what is known about the tables they go to.
#[derive(Debug)]
pub(crate) struct Committers {
    lanes: [Waiting; 2],
    pub(crate) queues: Queues,
    pub(crate) known: Known,
    wholes: Wholes,
}

/// The commits of one lane that wait.
#[derive(Debug)]
struct Waiting {
    jobs: Mutex<VecDeque<Job>>,
    transactions: Semaphore,
}

/// Commits that one caller handed in together.
#[derive(Debug)]
struct Job {
    commits: Vec<Commit>,
    reply: oneshot::Sender<Results>,
}

impl Committers {
    pub(crate) fn new() -> Self {
        Self {
            lanes: TRANSACTIONS_MAX.map(|count| Waiting {
                jobs: Mutex::default(),
                transactions: Semaphore::new(count),
            }),
            queues: Queues::default(),
            known: Known::default(),
            wholes: Wholes::default(),
        }
    }
}

impl Waiting {
    fn push(&self, job: Job) {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(job);
    }

    /// The jobs of the next transaction: as many as fit, and at least one.
    fn take(&self) -> Vec<Job> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        let mut room = COMMITS_MAX;
        while let Some(next) = jobs.front()
            && (taken.is_empty() || next.commits.len() <= room)
        {
            room = room.saturating_sub(next.commits.len());
            taken.extend(jobs.pop_front());
        }
        taken
    }
}

/// Makes commits durable, or refuses them.
///
/// # Cancel safety
/// Dropping the future does not undo anything: the work is a task of its own.
pub(crate) async fn commit(database: &Postgres, lane: Lane, commits: Vec<Commit>) -> Results {
    let asked = Instant::now();
    database.be_attentive();
    let bell = &database.inner.bell;
    match lane {
        Lane::Primary => bell.pace().see_primary(),
        Lane::Backfill => {
            let handled = commits.iter().any(|one| !one.settlements.is_empty());
            if bell.pace().has_to_tell_of_backfill(handled) {
                bell.ring(News::backfill(handled));
            }
        }
    }
    let count = commits.len();
    let (reply, answer) = oneshot::channel();
    let waiting = &database.inner.committers.lanes[lane.index()];
    waiting.push(Job { commits, reply });
    tokio::spawn(serve(database.clone(), lane));
    let why = match tokio::time::timeout(WRITE_TIMEOUT, answer).await {
        Ok(Ok(results)) => {
            if lane == Lane::Primary {
                bell.pace().feel_commit(asked.elapsed());
            }
            return results;
        }
        Ok(Err(_)) => "the writer has ended",
        Err(_) => "the database did not answer in time",
    };
    (0..count)
        .map(|_| Err(Refused::Store(unavailable("the commit", why))))
        .collect()
}

/// How many transactions of its lane one keeps from running beside it: backfill is one at a time
/// while production is about.
fn turns(database: &Postgres, lane: Lane) -> u32 {
    let alone = database.inner.bell.pace().gives_way(lane);
    let all = u32::try_from(TRANSACTIONS_MAX[lane.index()]).unwrap_or(1);
    if alone { all } else { 1 }
}

/// Writes what waits on a lane, unless somebody else has by then.
async fn serve(database: Postgres, lane: Lane) {
    let waiting = &database.inner.committers.lanes[lane.index()];
    let Ok(_permit) = waiting
        .transactions
        .acquire_many(turns(&database, lane))
        .await
    else {
        return;
    };
    let jobs = waiting.take();
    if jobs.is_empty() {
        return;
    }
    let (commits, replies): (Vec<_>, Vec<_>) =
        jobs.into_iter().map(|job| (job.commits, job.reply)).unzip();
    // Nobody else of this process moves what this one does, if it has all of the lane's permits or
    // the only one that is taken.
    let others = TRANSACTIONS_MAX[lane.index()] - waiting.transactions.available_permits();
    let way = match lane {
        Lane::Primary if others == 1 => Way::AtOnce,
        _ => Way::Along,
    };
    let alone = match way {
        Way::AtOnce => lone::write(&database, &commits).await,
        Way::Along | Way::Plain => None,
    };
    let results = match alone {
        Some(result) => vec![vec![result]],
        None => Batch::new(commits).write(&database, (lane, way)).await,
    };
    for (reply, results) in replies.into_iter().zip(results) {
        // A caller that does not wait any more does not mind.
        let _ = reply.send(results);
    }
}
