//! Commands on their way in.

use std::future::IntoFuture;
use std::sync::Arc;

use uuid::Uuid;

use super::inline::{self, Typed};
use super::sent::Sent;
use super::{App, Error};
use crate::domain::{Domain, Prepared, RoutedIn};
use crate::message::{self, Cause, Message};
use crate::port::store::{Commit, Committed, Position, Refused};
use crate::{BoxFuture, Priority, port, traceparent};

/// A command with what its caller says about it.
#[derive(Debug)]
pub struct Submission<C> {
    pub(super) command: C,
    pub(super) priority: Option<Priority>,
    pub(super) idempotency_key: Option<String>,
    pub(super) correlation_id: Option<Arc<str>>,
    /// The id of its message, if it has one already.
    pub(super) id: Option<Uuid>,
}

impl<C> Submission<C> {
    /// A submission that says nothing beyond the command.
    #[must_use]
    pub const fn new(command: C) -> Self {
        Self {
            command,
            priority: None,
            idempotency_key: None,
            correlation_id: None,
            id: None,
        }
    }

    /// Gives the command, and all that it causes, this priority.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Makes the command take effect once, however often it is submitted with this key.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Gives the command, and all that it causes, this correlation id.
    #[must_use]
    pub fn correlation_id(mut self, correlation_id: impl Into<Arc<str>>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }
}

impl<C> Submission<C> {
    /// Gives its message this id, which no other may have.
    pub(super) const fn identified(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }
}

/// The proof that a command was accepted and is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The id of the command's message.
    pub command_id: Uuid,
    /// Its position in the log.
    pub position: Position,
    /// Whether the same command was accepted before, under the same idempotency key; the id and
    /// the position are then those of the first.
    pub duplicate: bool,
}

/// A command that is processed when it is awaited.
#[must_use = "a command does nothing until it is awaited"]
pub struct Process<'a, D, C> {
    app: &'a App<D>,
    submission: Submission<C>,
}

impl<'a, D: Domain, C: RoutedIn<D>> Process<'a, D, C> {
    pub(super) const fn new(app: &'a App<D>, command: C) -> Self {
        Self {
            app,
            submission: Submission::new(command),
        }
    }

    /// Gives the command, and all that it causes, this priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.submission = self.submission.priority(priority);
        self
    }

    /// Makes the command take effect once, however often it is processed with this key.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.submission = self.submission.idempotency_key(key);
        self
    }

    /// Gives the command, and all that it causes, this correlation id.
    pub fn correlation_id(mut self, correlation_id: impl Into<Arc<str>>) -> Self {
        self.submission = self.submission.correlation_id(correlation_id);
        self
    }

    /// Handles the command in this process, before the caller goes on, instead of handing it to a
    /// server; the answer is the handler's.
    pub const fn inline(self) -> Inline<'a, D, C> {
        Inline { process: self }
    }
}

impl<'a, D: Domain, C: RoutedIn<D>> IntoFuture for Process<'a, D, C> {
    type Output = Result<Receipt, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { app, submission } = self;
            let mut message = app.compose(submission)?;
            let sent = Sent::one(app, &mut message);
            let result = accept::<D, C>(app, message).await;
            sent.end(&result, |receipt| receipt);
            result
        })
    }
}

/// A command that is handled in this process when it is awaited.
#[must_use = "a command does nothing until it is awaited"]
pub struct Inline<'a, D, C> {
    process: Process<'a, D, C>,
}

impl<'a, D: Domain, C: RoutedIn<D>> IntoFuture for Inline<'a, D, C> {
    type Output = Result<C::Reply, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Process { app, submission } = self.process;
            let mut message = app.compose(submission)?;
            let sent = Sent::one(app, &mut message);
            let result = inline::run(app, &Typed::<C>::new(), message).await;
            sent.end(&result, |(receipt, _)| receipt);
            let (receipt, reply) = result?;
            reply.ok_or(Error::Duplicate {
                id: receipt.command_id,
            })
        })
    }
}

/// Writes one command, or handles it here.
async fn accept<D: Domain, C: RoutedIn<D>>(
    app: &App<D>,
    message: Message,
) -> Result<Receipt, Error> {
    if app.handles_commands_inline() {
        let outcome = inline::run(app, &Typed::<C>::new(), message).await;
        return outcome.map(|(receipt, _)| receipt);
    }
    let lane = app.names().routing().lane(message.priority);
    let id = message.id;
    let commit = Commit {
        messages: vec![(lane, message)],
        ..Commit::default()
    };
    let result = app.tier().store.commit(lane, vec![commit]).await.pop();
    receipt(id, result.unwrap_or_else(|| Err(unanswered())))
}

impl<D: Domain> App<D> {
    /// The message that carries a command, if the command keeps its rules.
    pub(super) fn compose<C: RoutedIn<D>>(
        &self,
        submission: Submission<C>,
    ) -> Result<Message, Error> {
        let Submission {
            command,
            priority,
            idempotency_key,
            correlation_id,
            id,
        } = submission;
        command.check()?;
        let cause = self.cause(priority, correlation_id);
        let mut message = self
            .names()
            .command(&command, &cause)
            .map_err(|error| Error::Failed(error.into()))?;
        message.idempotency_key = idempotency_key;
        message.id = id.unwrap_or(message.id);
        Ok(message)
    }

    /// The message that carries a command whose type is erased.
    pub(super) fn compose_prepared(&self, submission: Submission<Prepared>) -> Message {
        let cause = self.cause(submission.priority, submission.correlation_id);
        let mut message = self.names().prepared(submission.command, &cause);
        message.idempotency_key = submission.idempotency_key;
        message.id = submission.id.unwrap_or(message.id);
        message
    }

    /// What a command from here inherits: explicit, then the handle or the scope, then the message
    /// being handled.
    fn cause(&self, priority: Option<Priority>, correlation_id: Option<Arc<str>>) -> Cause {
        let handling = message::handling();
        let priority = priority
            .or_else(|| self.ambient_priority())
            .or_else(|| handling.as_ref().map(|cause| cause.priority))
            .unwrap_or_default();
        let correlation_id = correlation_id
            .or_else(|| self.correlation_id.clone())
            .or_else(|| handling.as_ref().map(|cause| cause.correlation_id.clone()));
        let outside = Cause::outside(priority, correlation_id);
        Cause {
            message_id: handling.and_then(|cause| cause.message_id),
            traceparent: traceparent::scoped(),
            ..outside
        }
    }
}

pub(super) fn receipt(id: Uuid, result: Result<Committed, Refused>) -> Result<Receipt, Error> {
    match result {
        Ok(Committed::Done { position, .. }) => {
            let position = position.unwrap_or(Position(0));
            Ok(Receipt {
                command_id: id,
                position,
                duplicate: false,
            })
        }
        Ok(Committed::Duplicate { id, position }) => Ok(Receipt {
            command_id: id,
            position,
            duplicate: true,
        }),
        Err(refused) => Err(Error::refused(refused)),
    }
}

fn unanswered() -> Refused {
    Refused::Store(unanswered_error())
}

pub(super) fn unanswered_error() -> port::Error {
    port::Error::Unavailable {
        what: "the commit".to_owned(),
        why: "the store gave no answer".to_owned(),
    }
}
