//! How messages are made from commands and events.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{Aggregate, Command, Content, Domain, EventSet, Prepared};
use crate::lane::Routing;
use crate::message::{Cause, Kind, Message};
use crate::naming;

/// The names and the routing rule of one domain.
#[derive(Clone, Debug)]
pub struct Names {
    domain: &'static str,
    routing: Routing,
}

impl Names {
    /// The names of `D`, with this rule for lanes.
    #[must_use]
    pub const fn of<D: Domain>(routing: Routing) -> Self {
        Self {
            domain: D::NAME,
            routing,
        }
    }

    /// The rule that picks a message's lane.
    #[must_use]
    pub const fn routing(&self) -> Routing {
        self.routing
    }

    /// The message that carries a command.
    ///
    /// # Errors
    /// When a value cannot be written as JSON.
    pub fn command<C: Command>(
        &self,
        command: &C,
        cause: &Cause,
    ) -> Result<Message, serde_json::Error> {
        let table = <C::Aggregate as crate::schema::Record>::SCHEMA.table;
        let prepared = Prepared {
            type_name: naming::message_type(self.domain, C::NAME, C::VERSION).into(),
            stream: naming::command_stream(self.domain, table).into(),
            content: Content::of(command)?,
        };
        Ok(self.prepared(prepared, cause))
    }

    /// The message that carries a command whose type is erased.
    #[must_use]
    pub fn prepared(&self, command: Prepared, cause: &Cause) -> Message {
        let Prepared {
            type_name,
            stream,
            content,
        } = command;
        let mut message = self.message(Kind::Command, type_name, stream, content.data, cause);
        message.key = content.key;
        message
    }

    pub(super) fn event<T: Aggregate>(
        &self,
        event: &T::Event,
        key: String,
        sequence_id: String,
        cause: &Cause,
    ) -> Result<Message, serde_json::Error> {
        let data = event.encode()?;
        let type_name = naming::message_type(self.domain, event.name(), event.version());
        let stream = naming::event_stream(self.domain, T::SCHEMA.table);
        let mut message = self.message(Kind::Event, type_name, stream, data, cause);
        message.key = Some(key);
        message.sequence_id = Some(sequence_id);
        Ok(message)
    }

    fn message(
        &self,
        kind: Kind,
        type_name: impl Into<Arc<str>>,
        stream: impl Into<Arc<str>>,
        data: String,
        cause: &Cause,
    ) -> Message {
        Message {
            id: Uuid::now_v7(),
            kind,
            type_name: type_name.into(),
            stream: stream.into(),
            key: None,
            priority: cause.priority,
            time: Timestamp::now(),
            correlation_id: cause.correlation_id.clone(),
            causation_id: cause.message_id,
            traceparent: cause.traceparent.clone(),
            idempotency_key: None,
            sequence_id: None,
            data,
            rest: None,
        }
    }
}
