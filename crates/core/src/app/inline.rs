//! Handling in the caller's process: the command, and with `event_processing = "sync"` everything
//! that follows from it, in one commit.

use std::future::Future;
use std::marker::PhantomData;

use super::process::{Receipt, receipt};
use super::{App, Error};
use crate::Failure;
use crate::config::Processing;
use crate::domain::{Domain, Handle, Route, RoutedIn};
use crate::failure::Reason;
use crate::message::{self, Cause, Kind, Message};
use crate::port::broker::Settlement;
use crate::port::store::{Commit, Committed, Refused};
use crate::unit::Unit;

/// How often a command is handled anew because another writer was faster.
const CONFLICTS_MAX: u32 = 16;

/// How many messages one command may cause inline: an endless circle ends here.
const CASCADE_MAX: usize = 10_000;

/// What hands a command to its handler.
pub(super) trait Take<D>: Sync {
    /// What the handler answers.
    type Reply: Send;

    /// Runs the handler.
    fn take(
        &self,
        domain: &D,
        message: &Message,
        unit: &mut Unit<'_>,
    ) -> impl Future<Output = Result<Self::Reply, Failure>> + Send;
}

/// A command whose type is known.
pub(super) struct Typed<C>(PhantomData<fn() -> C>);

impl<C> Typed<C> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<D: Domain, C: RoutedIn<D>> Take<D> for Typed<C> {
    type Reply = C::Reply;

    async fn take(
        &self,
        domain: &D,
        message: &Message,
        unit: &mut Unit<'_>,
    ) -> Result<C::Reply, Failure> {
        let command: C = serde_json::from_str(&message.data)
            .map_err(|error| Reason::Undecodable(error.to_string()))?;
        C::handler(domain).handle(command, unit).await
    }
}

/// A command whose type is erased, which goes where the registry says.
pub(super) struct Erased<D>(pub(super) Route<D>);

impl<D: Domain> Take<D> for Erased<D> {
    type Reply = ();

    async fn take(
        &self,
        domain: &D,
        message: &Message,
        unit: &mut Unit<'_>,
    ) -> Result<(), Failure> {
        (self.0)(domain, &message.data, unit).await
    }
}

/// Handles a command here and now; the reply is `None` when the command is a duplicate.
pub(super) async fn run<D: Domain, T: Take<D>>(
    app: &App<D>,
    take: &T,
    message: Message,
) -> Result<(Receipt, Option<T::Reply>), Error> {
    let mut conflicts = 0;
    loop {
        let (reply, mut commit) = handle(app, take, &message).await.map_err(Error::Failed)?;
        commit.recorded.insert(0, message.clone());
        let lane = app.names().routing().lane(message.priority);
        match app.tier().store.commit(lane, vec![commit]).await.pop() {
            Some(Err(Refused::Conflict { .. })) if conflicts < CONFLICTS_MAX => conflicts += 1,
            Some(result) => {
                let duplicate = matches!(result, Ok(Committed::Duplicate { .. }));
                let receipt = receipt(message.id, result)?;
                return Ok((receipt, (!duplicate).then_some(reply)));
            }
            None => {
                return Err(Error::Failed(Failure::transient(
                    "the store gave no answer",
                )));
            }
        }
    }
}

async fn handle<D: Domain, T: Take<D>>(
    app: &App<D>,
    take: &T,
    message: &Message,
) -> Result<(T::Reply, Commit), Failure> {
    let session = app.session(app.names().routing().lane(message.priority));
    let cause = Cause::of(message);
    let mut unit = Unit::new(&session, cause.clone());
    let work = take.take(app.domain(), message, &mut unit);
    let reply = message::while_handling(cause, work).await?;
    app.cascade(&mut unit).await?;
    Ok((reply, app.commit_of(unit, Vec::new())))
}

impl<D: Domain> App<D> {
    /// Handles, in the same unit, what was staged and is configured to be handled inline. For the
    /// engine, after a handler has run.
    ///
    /// # Errors
    /// The first failure of any handler; the whole unit is then void.
    pub async fn cascade(&self, unit: &mut Unit<'_>) -> Result<(), Failure> {
        let mut next = 0;
        while let Some((_, message)) = unit.messages().get(next) {
            next += 1;
            if next > CASCADE_MAX {
                let text = format!("more than {CASCADE_MAX} messages follow from one another");
                return Err(Failure::refuse(text));
            }
            if !self.is_inline(message.kind) {
                continue;
            }
            let message = message.clone();
            let cause = Cause::of(&message);
            let outer = unit.replace_cause(cause.clone());
            for subscription in self.registry().subscriptions() {
                if *subscription.stream == *message.stream
                    && let Some(route) = subscription.route(&message.type_name)
                {
                    let work = route(self.domain(), &message.data, unit);
                    message::while_handling(cause.clone(), work).await?;
                }
            }
            unit.replace_cause(outer);
        }
        Ok(())
    }

    /// The commit of a unit, in which what was handled inline is recorded and not delivered.
    #[must_use]
    pub fn commit_of(&self, unit: Unit<'_>, settlements: Vec<Settlement>) -> Commit {
        let mut commit = unit.into_commit(settlements);
        if self.is_inline(Kind::Event) || self.is_inline(Kind::Command) {
            let (inline, delivered) = std::mem::take(&mut commit.messages)
                .into_iter()
                .partition(|(_, message)| self.is_inline(message.kind));
            commit.messages = delivered;
            let inline: Vec<(crate::Lane, Message)> = inline;
            commit.recorded = inline.into_iter().map(|(_, message)| message).collect();
        }
        commit
    }

    fn is_inline(&self, kind: Kind) -> bool {
        let processing = match kind {
            Kind::Command => self.config().command_processing,
            Kind::Event => self.config().event_processing,
        };
        processing == Processing::Sync
    }
}
