//! Bulk imports: any stream of commands, as a job that has a name, is written down, and goes on
//! where it was.
//!
//! A row is accepted once, whoever dies meanwhile: its command has an idempotency key that is the
//! row's own (L9), and an id that is the row's own, by which what was accepted already is told from
//! what somebody else had submitted. So the position may be written down now and then.

mod job;
mod pace;
mod row;
mod run;
mod watch;

use std::error::Error as StdError;

use futures_core::Stream;

use crate::domain::Domain;
use crate::port::imports::{Plan, Progress, State};
use crate::throttle::Rate;
use crate::{App, Priority, port};

pub use crate::port::imports::{Import as Record, row_of};
pub use job::{Cancelled, Imports};
pub use row::{Importable, IntoRow, Iter, Observer, Rejection, Row, iter};
pub use watch::{Handled, NAME_LENGTH_MAX, check_name};

/// Any reason.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why an import did not begin, or not reach its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It has no name that can be one.
    #[error(
        "[PE0851] expected a name for the import of at most {NAME_LENGTH_MAX} letters, digits, \
         `-`, `_` and `.`, found \"{found}\""
    )]
    Name {
        /// What it was called.
        found: String,
    },
    /// It is another import than the one that has its name.
    #[error(
        "[PE0852] the import {name} was started with another {what}: expected {expected}, found \
         {found}; it goes on with what it was started with, and anything else needs a name of its \
         own"
    )]
    Changed {
        /// Its name.
        name: String,
        /// What is different.
        what: &'static str,
        /// What it was started with.
        expected: String,
        /// What it is now.
        found: String,
    },
    /// Somebody else runs it.
    #[error("[PE0853] the import {name} is being run by another process")]
    Busy {
        /// Its name.
        name: String,
    },
    /// It was cancelled.
    #[error(
        "[PE0854] the import {name} was cancelled after {rows} rows, and does not go on; to import \
         the same once more, give it another name"
    )]
    Cancelled {
        /// Its name.
        name: String,
        /// How far it was.
        rows: u64,
    },
    /// Another process took it over while this one could not be heard of.
    #[error("[PE0855] the import {name} was taken over by another process")]
    TakenOver {
        /// Its name.
        name: String,
    },
    /// More rows were rejected than may be.
    #[error(
        "[PE0856] the import stopped after {rejected} of {rows} rows were rejected, more than the \
         {limit} that may be; with a higher limit it goes on where it was"
    )]
    TooManyRejected {
        /// Rows that were rejected.
        rejected: u64,
        /// Rows that are done with.
        rows: u64,
        /// How many may be.
        limit: RejectsMax,
    },
    /// The store took no more.
    #[error("[PE0857] the import stopped before line {line}: {why}; run again, it goes on there")]
    Stopped {
        /// The line of the first row that may not be in.
        line: u64,
        /// What the store said.
        why: super::Error,
    },
    /// The rows ended before their end.
    #[error("{0}")]
    Source(Cause),
    /// Whoever was told of it cannot go on.
    #[error("{0}")]
    Observer(Cause),
    /// There is no import with this name.
    #[error("[PE0858] no import {name}; `imports list` shows those there are")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] port::Error),
}

/// How many rows may be rejected before an import stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RejectsMax {
    /// So many.
    Rows(u64),
    /// So many of a hundred, once there are [`RejectsMax::ROWS_MIN`] rows, and at the end.
    Percent(f64),
}

impl RejectsMax {
    /// How many rows it takes for a part of them to say something.
    pub const ROWS_MIN: u64 = 1_000;

    fn is_passed(self, progress: &Progress, at_end: bool) -> bool {
        let Progress { rows, rejected, .. } = *progress;
        match self {
            Self::Rows(max) => rejected > max,
            #[allow(clippy::cast_precision_loss, reason = "a part is no exact thing")]
            Self::Percent(max) => {
                (at_end || rows >= Self::ROWS_MIN) && rejected as f64 * 100.0 > rows as f64 * max
            }
        }
    }
}

impl std::fmt::Display for RejectsMax {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(max) => write!(f, "{max}"),
            Self::Percent(max) => write!(f, "{max}%"),
        }
    }
}

impl std::str::FromStr for RejectsMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "[PE0859] expected a number of rows such as 100 or a part such as 5%, found \"{text}\""
            )
        };
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Rows).map_err(|_| error()),
            Some(part) => {
                let part: f64 = part.trim().parse().map_err(|_| error())?;
                let is_part = (0.0..=100.0).contains(&part);
                is_part.then_some(Self::Percent(part)).ok_or_else(error)
            }
        }
    }
}

/// How an import came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it was finished or cancelled.
    pub state: State,
    /// How far it was written down to be before this run.
    pub before: Progress,
    /// How far it is.
    pub progress: Progress,
    /// Rows of this run that an earlier one had submitted and not written down.
    pub again: u64,
}

/// An import that runs when [`run`](Import::run) is awaited.
#[must_use = "an import does nothing until it is run"]
pub struct Import<'a, D, S, B = ()> {
    pub(crate) app: &'a App<D>,
    pub(crate) source: S,
    pub(crate) plan: Plan,
    pub(crate) rate: Option<Rate>,
    pub(crate) rejects_max: Option<RejectsMax>,
    pub(crate) start: Start,
    pub(crate) observer: B,
}

/// Where a source begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At its first row; those that are done with are passed over.
    FirstRow,
    /// After the rows that are done with.
    NextRow,
}

impl<D: Domain> App<D> {
    /// Imports the commands of a stream; see [`iter`] for those of an iterator. It needs a
    /// [name](Import::name), under which it goes on where it was when it is run again, after
    /// whatever death: the stream has to give the same rows in the same order again.
    ///
    /// The priority is this handle's, and otherwise [`Priority::Bulk`].
    pub fn import<S>(&self, source: S) -> Import<'_, D, S>
    where
        S: Stream<Item: IntoRow> + Unpin,
    {
        let plan = Plan {
            name: String::new(),
            source: String::new(),
            digest: String::new(),
            arguments: String::new(),
            priority: self.ambient_priority().unwrap_or(Priority::Bulk),
        };
        Import {
            app: self,
            source,
            plan,
            rate: None,
            rejects_max: None,
            start: Start::FirstRow,
            observer: (),
        }
    }

    /// The imports of this domain.
    #[must_use]
    pub const fn imports(&self) -> Imports<'_, D> {
        Imports::new(self)
    }
}

impl<'a, D, S, B> Import<'a, D, S, B> {
    /// Its name: letters, digits, `-`, `_` and `.`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.plan.name = name.into();
        self
    }

    /// What is imported, as people call it, and a digest of it, by which a change is found.
    pub fn of(mut self, source: impl Into<String>, digest: impl Into<String>) -> Self {
        self.plan.source = source.into();
        self.plan.digest = digest.into();
        self
    }

    /// How rows are made into commands, in words; it may not change either.
    pub fn arguments(mut self, arguments: impl Into<String>) -> Self {
        self.plan.arguments = arguments.into();
        self
    }

    /// Gives the commands, and all that they cause, this priority.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.plan.priority = priority;
        self
    }

    /// Submits no more rows per second than this.
    pub const fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Stops when more rows than this are rejected.
    pub const fn rejects_max(mut self, max: RejectsMax) -> Self {
        self.rejects_max = Some(max);
        self
    }

    /// The source begins after the rows that are done with, which it can pass over faster: it gives
    /// none before the observer was told how many those are.
    pub const fn seeking(mut self) -> Self {
        self.start = Start::NextRow;
        self
    }

    /// Tells somebody how it goes.
    pub fn observe<N>(self, observer: N) -> Import<'a, D, S, N> {
        Import {
            app: self.app,
            source: self.source,
            plan: self.plan,
            rate: self.rate,
            rejects_max: self.rejects_max,
            start: self.start,
            observer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_part() {
        assert_eq!("100".parse(), Ok(RejectsMax::Rows(100)));
        assert_eq!("2.5%".parse(), Ok(RejectsMax::Percent(2.5)));
        for text in ["", "-1", "101%", "x%", "1.5"] {
            assert!(text.parse::<RejectsMax>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_part_is_judged_when_there_are_enough_rows() {
        let progress = |rows, rejected| Progress {
            rows,
            rejected,
            ..Progress::default()
        };
        let five = RejectsMax::Percent(5.0);
        assert!(!five.is_passed(&progress(10, 10), false));
        assert!(five.is_passed(&progress(10, 10), true));
        assert!(!five.is_passed(&progress(1_000, 50), false));
        assert!(five.is_passed(&progress(1_000, 51), false));
        assert!(RejectsMax::Rows(0).is_passed(&progress(1, 1), false));
    }
}
