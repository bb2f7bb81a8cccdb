//! What one unit has staged, and how it reads.

use super::Session;
use super::session::{self, Seen};
use crate::Failure;
use crate::domain::Aggregate;
use crate::domain::EventSet;
use crate::failure::Reason;
use crate::lane::Lane;
use crate::message::{Cause, Message};
use crate::port::store::{Change, Page, Query, Stored, Write};
use crate::schema::{Schema, Value};

/// The changes and messages that one unit has staged.
pub(super) struct Work {
    pub(super) cause: Cause,
    pub(super) writes: Vec<Write>,
    pub(super) messages: Vec<(Lane, Message)>,
    pub(super) dependent: bool,
}

impl Work {
    pub(super) const fn new(cause: Cause) -> Self {
        Self {
            cause,
            writes: Vec::new(),
            messages: Vec::new(),
            dependent: false,
        }
    }

    pub(super) fn stage(&mut self, schema: &'static Schema, change: Change) {
        self.writes.push(Write { schema, change });
    }

    /// The row as this unit sees it: what it staged itself, else what the session staged, else
    /// what is committed.
    pub(super) async fn load(
        &mut self,
        session: &Session,
        schema: &'static Schema,
        id: &Value,
    ) -> Result<Option<Seen>, Failure> {
        if let Some(seen) = session::seen_in(&self.writes, schema, id) {
            return Ok(seen);
        }
        if let Some(staged) = session.staged(schema, id) {
            self.dependent = true;
            return match staged {
                Some(Seen { version: None, .. }) => Err(Reason::Unflushed.into()),
                seen => Ok(seen),
            };
        }
        let stored = session.store().load(session.lane(), schema, id).await?;
        Ok(stored.map(|Stored { row, version }| Seen {
            row,
            version: Some(version),
        }))
    }

    /// The rows that a query finds among what is committed; what the session staged in this table
    /// has to be committed first.
    pub(super) async fn page(
        &self,
        session: &Session,
        schema: &'static Schema,
        query: &Query,
    ) -> Result<Page, Failure> {
        if session.has_staged(schema) {
            return Err(Reason::Unflushed.into());
        }
        Ok(session
            .store()
            .select(session.lane(), schema, query)
            .await?)
    }

    pub(super) fn publish<T: Aggregate>(
        &mut self,
        session: &Session,
        id: &Value,
        version: i64,
        events: &[T::Event],
    ) -> Result<(), Failure> {
        let names = session.names();
        let lane = names.routing().lane(self.cause.priority);
        for (nth, event) in events.iter().enumerate() {
            event.check()?;
            let sequence_id = format!("{version}.{}", nth + 1);
            let message = names.event::<T>(event, id.to_key(), sequence_id, &self.cause)?;
            self.messages.push((lane, message));
        }
        Ok(())
    }
}
