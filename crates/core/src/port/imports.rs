//! Imports: bulk work that goes on where it was, whoever died meanwhile.

use std::any::Any;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{BoxFuture, Lane, Priority};

use super::Error;
use super::broker::{Place, Subscription};
use super::store::Position;

/// What an import is; as long as it is not finished, none of it may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name, which no other import of the domain has.
    pub name: String,
    /// What is imported, as people call it: `catalog.csv`.
    pub source: String,
    /// A digest of what is imported.
    pub digest: String,
    /// How it is made into commands.
    pub arguments: String,
    /// The priority of the commands.
    pub priority: Priority,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows that are done with, good and bad.
    pub rows: u64,
    /// Rows whose commands were accepted, each once.
    pub accepted: u64,
    /// Rows whose key somebody had used before.
    pub duplicates: u64,
    /// Rows that are no commands.
    pub rejected: u64,
    /// How many bytes of the file of rejects belong to these rows.
    pub rejects_bytes: u64,
    /// The position of the last command of these rows.
    pub last: Position,
}

/// What is to become of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It goes on, as soon as somebody runs it.
    Running,
    /// It stands still until it is resumed.
    Paused,
    /// It ends where it is, for good.
    Cancelled,
    /// All rows are done with.
    Finished,
}

/// A word that is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[PE0850] expected running, paused, cancelled or finished, found \"{found}\"")]
pub struct NoState {
    found: String,
}

impl State {
    const ALL: [Self; 4] = [Self::Running, Self::Paused, Self::Cancelled, Self::Finished];

    /// Its word in the vocabulary.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Finished)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = NoState;

    fn from_str(text: &str) -> Result<Self, NoState> {
        let found = Self::ALL.into_iter().find(|state| state.name() == text);
        found.ok_or_else(|| NoState {
            found: text.to_owned(),
        })
    }
}

/// An import, as it was written down last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What it is.
    pub plan: Plan,
    /// What is to become of it.
    pub state: State,
    /// How far it is.
    pub progress: Progress,
    /// Commands that were taken back before anybody had handled them.
    pub withdrawn: u64,
    /// When it was started first.
    pub started: Timestamp,
    /// When its runner was heard of last.
    pub updated: Timestamp,
}

/// A command of an import that a subscription has not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// The lane it is on.
    pub lane: Lane,
    /// Its place there.
    pub place: Place,
    /// Its position in the log.
    pub position: Position,
}

/// What an import has left in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Whether all of it up to the position asked for is settled.
    pub is_settled: bool,
    /// The position of the last message that the import or what it caused published after that.
    pub beyond: Option<Position>,
}

/// The right to run an import, which ends when it is dropped, and with the process.
pub type Hold = Box<dyn Any + Send + Sync>;

/// Imports, kept where every process finds them.
pub trait Imports: Send + Sync + 'static {
    /// The imports, newest first, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn list(&self, count_max: usize) -> BoxFuture<'_, Result<Vec<Import>, Error>>;

    /// The import with this name.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Import>, Error>>;

    /// The right to run the import with this name, whether there is one or not; `None` while
    /// somebody else has it.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn hold<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Hold>, Error>>;

    /// Writes an import down, unless one has its name, and who runs it; answers what is written
    /// then.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn start<'a>(&'a self, plan: &'a Plan, runner: Uuid) -> BoxFuture<'a, Result<Import, Error>>;

    /// Writes down how far an import is, and answers what is to become of it; `None`, and nothing
    /// is written, when this is not its runner any more.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn advance<'a>(
        &'a self,
        name: &'a str,
        runner: Uuid,
        progress: Progress,
    ) -> BoxFuture<'a, Result<Option<State>, Error>>;

    /// Says what is to become of an import, and answers what was to become of it before. What is
    /// cancelled or finished stays so.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn ask<'a>(
        &'a self,
        name: &'a str,
        state: State,
    ) -> BoxFuture<'a, Result<Option<State>, Error>>;

    /// Adds to the number of commands that were withdrawn.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn count_withdrawn<'a>(&'a self, name: &'a str, count: u64)
    -> BoxFuture<'a, Result<(), Error>>;

    /// Commands of an import in the flow of both lanes that a subscription has not settled, in the
    /// order of their queues and numbers, after a place, at most `count_max`. What the commands
    /// caused is not among them.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn queued<'a>(
        &'a self,
        subscription: &'a Subscription,
        name: &'a str,
        after: Option<Place>,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Unsettled>, Error>>;

    /// Commands of an import that a subscription has set aside, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn parked<'a>(
        &'a self,
        subscription: &'a Subscription,
        name: &'a str,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Unsettled>, Error>>;

    /// Whether subscriptions have settled all that an import left in the log up to a position, and
    /// what there is of it beyond. In a queue, what was published before counts as the import's:
    /// the cost does not depend on how much there is.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn trail<'a>(
        &'a self,
        subscriptions: &'a [Subscription],
        name: &'a str,
        upto: Position,
    ) -> BoxFuture<'a, Result<Trail, Error>>;
}

/// What stands before the name of an import in the correlation ids of its commands.
const CORRELATION: &str = "import:";

/// What the correlation ids of an import's commands, and of all that they cause, begin with.
#[must_use]
pub fn correlation_prefix(name: &str) -> String {
    format!("{CORRELATION}{name}:")
}

/// The correlation id of the command that a row became: its import, its number and its line.
#[must_use]
pub fn correlation_id(name: &str, row: u64, line: u64) -> String {
    format!("{CORRELATION}{name}:{row}:{line}")
}

/// The number and the line of the row that a message comes from, if it comes from this import.
#[must_use]
pub fn row_of(correlation_id: &str, name: &str) -> Option<(u64, u64)> {
    let rest = correlation_id.strip_prefix(CORRELATION)?;
    let (row, line) = rest
        .strip_prefix(name)?
        .strip_prefix(':')?
        .split_once(':')?;
    Some((row.parse().ok()?, line.parse().ok()?))
}

/// The state that a store kept.
///
/// # Errors
/// When it is none.
pub fn kept_state(text: &str) -> Result<State, Error> {
    text.parse().map_err(|error: NoState| Error::Corrupt {
        table: "protean_import".to_owned(),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_its_row() {
        let id = correlation_id("books", 7, 9);
        assert_eq!(row_of(&id, "books"), Some((7, 9)));
        assert!(id.starts_with(&correlation_prefix("books")));
        for (id, name) in [(id.as_str(), "book"), ("import:books", "books"), ("", "")] {
            assert_eq!(row_of(id, name), None, "{id}");
        }
    }

    #[test]
    fn a_state_is_its_word() {
        for state in State::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert!(kept_state("done").is_err());
    }
}
