//! Many commits on their way through transactions, until each has its result.

use std::collections::HashSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use protean_core::message::{Message, idempotency_digest};
use protean_core::port::store::{Commit, Committed, Refused};
use protean_core::{Lane, port};

use super::attempt::{Abort, Attempt, Outcome};
use super::way::Way;
use super::{COMMITS_MAX, Results};
use crate::Postgres;

/// How long a commit is tried again while the database is away: less than any caller waits.
const PATIENCE: Duration = Duration::from_secs(25);

/// How long to wait, at first and at most, before the next try.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Commits with what became of them.
pub(super) struct Batch {
    entries: Vec<Entry>,
    /// The commits of each job, by their places in `entries`.
    jobs: Vec<Range<usize>>,
    /// Whether a commit of a job was refused.
    refused: Vec<bool>,
}

struct Entry {
    job: usize,
    commit: Commit,
    result: Option<Result<Committed, Refused>>,
}

impl Batch {
    /// The commits of some jobs.
    pub(super) fn new(jobs: Vec<Vec<Commit>>) -> Self {
        let mut batch = Self {
            entries: Vec::new(),
            refused: vec![false; jobs.len()],
            jobs: Vec::with_capacity(jobs.len()),
        };
        for (job, commits) in jobs.into_iter().enumerate() {
            let first = batch.entries.len();
            batch
                .entries
                .extend(commits.into_iter().map(|commit| Entry {
                    job,
                    commit,
                    result: None,
                }));
            batch.jobs.push(first..batch.entries.len());
        }
        batch
    }

    /// Writes all commits; the results are job by job.
    pub(super) async fn write(
        mut self,
        database: &Postgres,
        (lane, way): (Lane, Way),
    ) -> Vec<Results> {
        let count = self.entries.len();
        let deadline = Instant::now() + PATIENCE;
        // The next range is the last one, so that halves are written in order.
        let mut ranges = Vec::with_capacity(1);
        ranges.push(0..count);
        let pace = database.inner.bell.pace();
        while let Some(range) = ranges.pop() {
            let size_max = match lane {
                Lane::Primary => COMMITS_MAX,
                Lane::Backfill => pace.commits_max().unwrap_or(COMMITS_MAX),
            };
            let (range, rest) = cut(range, size_max);
            ranges.extend(rest);
            let (started, size) = (Instant::now(), range.len());
            let pass = self.pass(database, (lane, way), range.clone(), deadline);
            if pass.await == Pass::Halve {
                let middle = range.start + range.len() / 2;
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
            }
            if lane == Lane::Backfill {
                let took = started.elapsed();
                pace.learn(size, took);
                pace.rest_shared(took).await;
            }
        }
        let mut entries = self.entries.into_iter();
        let results = self.jobs.into_iter().map(|job| {
            let own = entries.by_ref().take(job.len());
            own.map(|entry| entry.result.unwrap_or(Err(Refused::Dependent)))
                .collect()
        });
        results.collect()
    }

    /// Writes a range, pass by pass, until each commit has its result, or the range has to be
    /// halved to find the one that stands in the way.
    async fn pass(
        &mut self,
        database: &Postgres,
        (lane, mut way): (Lane, Way),
        range: Range<usize>,
        deadline: Instant,
    ) -> Pass {
        let mut pause = PAUSE;
        loop {
            let live = self.live(range.clone());
            if live.is_empty() {
                return Pass::Done;
            }
            let commits = live.iter().map(|nth| &self.entries[*nth].commit).collect();
            let outcome = Attempt::new(database, (lane, way), commits).run().await;
            match outcome {
                Ok(Outcome::Committed(done)) => {
                    for (nth, committed) in live.into_iter().zip(done) {
                        self.answer(nth, Ok(committed));
                    }
                }
                Ok(Outcome::Refused(refused)) => {
                    for (nth, result) in refused {
                        self.answer(live[nth], result);
                    }
                }
                Err(Abort::Value(error)) if live.len() == 1 => {
                    self.answer(live[0], Err(error));
                }
                Err(Abort::Value(_)) => return Pass::Halve,
                Err(Abort::Guessed) => way = way.next(),
                Err(Abort::Again(error)) if Instant::now() < deadline => {
                    tracing::debug!(%error, "a transaction is tried again");
                    // sleep: a database that is away is not asked without a pause
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(Abort::Again(error) | Abort::Failed(error)) => {
                    for nth in live {
                        self.answer(nth, Err(Refused::Store(copy(&error))));
                    }
                }
            }
        }
    }

    /// The commits of a range that the next transaction writes. One that depends on a refused one
    /// is refused; one with an idempotency key that comes twice waits for the first to be known.
    fn live(&mut self, range: Range<usize>) -> Vec<usize> {
        let mut keys = HashSet::new();
        let mut live = Vec::with_capacity(range.len());
        for nth in range {
            let entry = &mut self.entries[nth];
            if entry.result.is_some() {
                continue;
            }
            if entry.commit.dependent && self.refused[entry.job] {
                entry.result = Some(Err(Refused::Dependent));
                continue;
            }
            let repeats = messages(&entry.commit)
                .filter_map(digest)
                .any(|key| !keys.insert(key));
            if !repeats {
                live.push(nth);
            }
        }
        live
    }

    fn answer(&mut self, nth: usize, result: Result<Committed, Refused>) {
        let entry = &mut self.entries[nth];
        self.refused[entry.job] |= result.is_err();
        entry.result = Some(result);
    }
}

/// A range that fits into a transaction, and what is left of it.
fn cut(range: Range<usize>, size_max: usize) -> (Range<usize>, Option<Range<usize>>) {
    if range.len() <= size_max {
        return (range, None);
    }
    let middle = range.start + size_max;
    (range.start..middle, Some(middle..range.end))
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Done,
    Halve,
}

/// Every message of a commit, in the order of their positions.
pub(super) fn messages(commit: &Commit) -> impl Iterator<Item = &Message> {
    let delivered = commit.messages.iter().map(|(_, message)| message);
    commit.recorded.iter().chain(delivered)
}

/// What stands for a message's idempotency key, if it has one.
pub(super) fn digest(message: &Message) -> Option<[u8; 16]> {
    let key = message.idempotency_key.as_deref()?;
    Some(idempotency_digest(&message.type_name, key))
}

fn copy(error: &port::Error) -> port::Error {
    match error {
        port::Error::Unavailable { what, why } => port::Error::Unavailable {
            what: what.clone(),
            why: why.clone(),
        },
        port::Error::Tables { why } => port::Error::Tables { why: why.clone() },
        other => port::Error::Failed {
            what: "the commit".to_owned(),
            why: other.to_string(),
        },
    }
}
