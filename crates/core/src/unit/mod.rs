//! The unit of work: what a handler reads and stages, and how it becomes one commit.
//!
//! A handler never writes. It stages changes, and the engine commits them together with the
//! acknowledgement of the message (L9). On the backfill lane many messages share one
//! [`Session`], so that each sees what those before it staged, long before it is committed.

mod compose;
mod root;
mod rows;
mod session;
mod units;
mod work;

pub use compose::Names;
pub use root::Root;
pub use rows::Rows;
pub use session::Session;
pub use units::Units;

use crate::domain::{Aggregate, Command};
use crate::failure::Reason;
use crate::lane::Lane;
use crate::message::{Cause, Message};
use crate::port::broker::Settlement;
use crate::port::store::{Change, Commit, Query};
use crate::schema::FieldType;
use crate::{Failure, Priority};

use work::Work;

/// What one handler reads and stages while it handles one message.
pub struct Unit<'s> {
    session: &'s Session,
    work: Work,
}

impl<'s> Unit<'s> {
    /// An empty unit for work that `cause` asked for.
    #[must_use]
    pub const fn new(session: &'s Session, cause: Cause) -> Self {
        Self {
            session,
            work: Work::new(cause),
        }
    }

    /// The priority that everything staged here inherits.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.work.cause.priority
    }

    /// The correlation id that everything staged here inherits.
    #[must_use]
    pub fn correlation_id(&self) -> &str {
        &self.work.cause.correlation_id
    }

    /// The aggregate with this identity.
    ///
    /// # Errors
    /// Not found (which is tried again, since it may still come), or the store's own failure.
    pub async fn get<T: Aggregate>(&mut self, id: &T::Id) -> Result<Root<T>, Failure> {
        self.find(id)
            .await?
            .ok_or_else(|| Failure::not_found(T::SCHEMA.name, &id.to_value()))
    }

    /// The aggregate with this identity, if it exists.
    ///
    /// # Errors
    /// The store's own failure.
    pub async fn find<T: Aggregate>(&mut self, id: &T::Id) -> Result<Option<Root<T>>, Failure> {
        let seen = self
            .work
            .load(self.session, T::SCHEMA, &id.to_value())
            .await?;
        let Some(seen) = seen else { return Ok(None) };
        let version = seen.version.ok_or(Reason::Unflushed)?;
        Ok(Some(Root::stored(T::from_row(seen.row)?, version)))
    }

    /// The aggregates that a query finds among what is committed.
    ///
    /// # Errors
    /// A query for an unknown column, or the store's own failure.
    pub async fn select<T: Aggregate>(&mut self, query: &Query) -> Result<Vec<Root<T>>, Failure> {
        let page = self.work.page(self.session, T::SCHEMA, query).await?;
        let rows = page.rows.into_iter();
        rows.map(|stored| Ok(Root::stored(T::from_row(stored.row)?, stored.version)))
            .collect()
    }

    /// Stages a new or changed aggregate and the events it raised; says its identity.
    ///
    /// # Errors
    /// All violations of the rules of its fields and of its invariants together.
    pub fn add<T: Aggregate>(&mut self, root: Root<T>) -> Result<T::Id, Failure> {
        let id = root.id().clone();
        root.check_all()?;
        let (state, version, events, changed) = root.into_parts();
        let row = state.to_row();
        match version {
            None => self.work.stage(T::SCHEMA, Change::Insert(row)),
            Some(expected) if changed || !events.is_empty() => {
                self.work.stage(T::SCHEMA, Change::Update { row, expected });
            }
            Some(_) => {}
        }
        let next = version.map_or(0, |version| version + 1);
        self.work
            .publish::<T>(self.session, &id.to_value(), next, &events)?;
        Ok(id)
    }

    /// Stages the removal of an aggregate, and the events it raised before.
    ///
    /// # Errors
    /// When an event breaks its own rules.
    pub fn remove<T: Aggregate>(&mut self, root: Root<T>) -> Result<(), Failure> {
        let id = root.id().to_value();
        let (_, version, events, _) = root.into_parts();
        if let Some(expected) = version {
            self.work.stage(
                T::SCHEMA,
                Change::Delete {
                    id: id.clone(),
                    expected,
                },
            );
        }
        let next = version.map_or(0, |version| version + 1);
        self.work.publish::<T>(self.session, &id, next, &events)
    }

    /// Stages a command that follows from this message; it inherits the priority.
    ///
    /// # Errors
    /// All violations of the rules of its fields together.
    pub fn process<C: Command>(&mut self, command: &C) -> Result<(), Failure> {
        self.process_at(self.work.cause.priority, command)
    }

    /// Stages a command that follows from this message, with a priority of its own.
    ///
    /// # Errors
    /// All violations of the rules of its fields together.
    pub fn process_at<C: Command>(
        &mut self,
        priority: Priority,
        command: &C,
    ) -> Result<(), Failure> {
        command.check()?;
        let names = self.session.names();
        let cause = Cause {
            priority,
            ..self.work.cause.clone()
        };
        let message = names.command(command, &cause)?;
        self.work
            .messages
            .push((names.routing().lane(priority), message));
        Ok(())
    }

    /// The messages staged so far.
    #[must_use]
    pub fn messages(&self) -> &[(Lane, Message)] {
        &self.work.messages
    }

    /// Changes what everything staged from now on inherits; says what it was.
    pub const fn replace_cause(&mut self, cause: Cause) -> Cause {
        std::mem::replace(&mut self.work.cause, cause)
    }

    /// Everything staged, as one commit.
    #[must_use]
    pub fn into_commit(self, settlements: Vec<Settlement>) -> Commit {
        Commit {
            writes: self.work.writes,
            messages: self.work.messages,
            recorded: Vec::new(),
            settlements,
            along: Vec::new(),
            dependent: self.work.dependent,
        }
    }
}
