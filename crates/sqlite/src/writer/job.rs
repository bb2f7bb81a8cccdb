//! What the writer is asked to write.

use std::time::Instant;

use protean_core::port;
use protean_core::port::store::{Commit, Committed, Refused};
use rusqlite::Connection;
use tokio::sync::oneshot;

/// The most commits that are few: they take some tenths of a millisecond together.
const BRIEF_COMMITS_MAX: usize = 4;

/// What became of each commit of a batch.
pub(crate) type Results = Vec<Result<Committed, Refused>>;

/// One thing to write.
pub(crate) enum Job {
    /// Commits, each of which succeeds or is refused by itself.
    Batch(Batch),
    /// Something else.
    Task(Task),
}

/// Commits that one caller handed in together.
pub(crate) struct Batch {
    pub(super) commits: Vec<Commit>,
    /// The results of those that are durable; the next commit is the one after them.
    pub(super) results: Results,
    /// Whether one of those was refused.
    pub(super) refused: bool,
    /// When it was handed in.
    asked: Instant,
    reply: oneshot::Sender<Results>,
}

/// What a task does; it may be done again after a rollback.
type Run = Box<dyn FnMut(&Connection) -> Result<(), port::Error> + Send>;

/// Something that writes in its own way.
pub(crate) struct Task {
    pub(super) run: Run,
    reply: oneshot::Sender<Result<(), port::Error>>,
    /// Whether subscriptions have to look at everything afterwards.
    pub(super) rings: bool,
    pub(super) result: Option<Result<(), port::Error>>,
}

impl Task {
    /// A task whose result goes to `reply` when it is durable.
    pub(crate) fn new(
        run: impl FnMut(&Connection) -> Result<(), port::Error> + Send + 'static,
        reply: oneshot::Sender<Result<(), port::Error>>,
    ) -> Self {
        Self {
            run: Box::new(run),
            reply,
            rings: false,
            result: None,
        }
    }

    /// Makes every subscription look at everything when the task is durable.
    pub(crate) const fn ringing(mut self) -> Self {
        self.rings = true;
        self
    }
}

impl Batch {
    pub(super) fn new(commits: Vec<Commit>, reply: oneshot::Sender<Results>) -> Self {
        let results = Vec::with_capacity(commits.len());
        Self {
            commits,
            results,
            refused: false,
            asked: Instant::now(),
            reply,
        }
    }
}

impl Job {
    /// When it was handed in, if it is the work of a handler or a caller, rather than about the
    /// tables.
    pub(super) const fn commit_asked(&self) -> Option<Instant> {
        match self {
            Self::Batch(batch) => Some(batch.asked),
            Self::Task(_) => None,
        }
    }

    /// Whether it is a few commits, which take no longer than handing them to a thread does.
    pub(super) const fn is_brief(&self) -> bool {
        match self {
            Self::Batch(batch) => batch.commits.len() <= BRIEF_COMMITS_MAX,
            Self::Task(_) => false,
        }
    }

    /// Whether everything of it has a result.
    pub(super) const fn is_done(&self) -> bool {
        match self {
            Self::Batch(batch) => batch.results.len() == batch.commits.len(),
            Self::Task(task) => task.result.is_some(),
        }
    }

    /// Gives everything without a result this one.
    pub(super) fn refuse(&mut self, error: &port::Error) {
        let error = || port::Error::Unavailable {
            what: "the write".to_owned(),
            why: error.to_string(),
        };
        match self {
            Self::Batch(batch) => {
                let missing = batch.commits.len() - batch.results.len();
                batch
                    .results
                    .extend((0..missing).map(|_| Err(Refused::Store(error()))));
            }
            Self::Task(task) => task.result = Some(Err(error())),
        }
    }

    /// Tells the caller. One that does not wait any more does not mind.
    pub(super) fn reply(self) {
        match self {
            Self::Batch(batch) => drop(batch.reply.send(batch.results)),
            Self::Task(task) => drop(task.reply.send(task.result.unwrap_or(Ok(())))),
        }
    }
}
