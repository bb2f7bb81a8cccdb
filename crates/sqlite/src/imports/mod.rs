//! Imports: a row for each, and a lock on a file for whoever runs it, which any death releases.

mod record;
mod unsettled;

use std::fs::TryLockError;

use protean_core::port::broker::{Place, Subscription};
use protean_core::port::imports::{Hold, Import, Plan, Progress, State, Trail, Unsettled};
use protean_core::port::store::Position;
use protean_core::port::{self, Imports};
use protean_core::{BoxFuture, Lane};
use rusqlite::Connection;
use uuid::Uuid;

use crate::Sqlite;
use crate::database::Rings;
use crate::error::{failed, file};
use crate::turnstile::lock_file;

impl Imports for Sqlite {
    fn list(&self, count_max: usize) -> BoxFuture<'_, Result<Vec<Import>, port::Error>> {
        let list = move |connection: &Connection| record::list(connection, count_max);
        Box::pin(self.readers(Lane::Primary).read(list))
    }

    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Import>, port::Error>> {
        let name = name.to_owned();
        let find = move |connection: &Connection| record::find(connection, &name);
        Box::pin(self.readers(Lane::Primary).read(find))
    }

    fn hold<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Hold>, port::Error>> {
        Box::pin(async move { self.hold_now(name) })
    }

    fn start<'a>(
        &'a self,
        plan: &'a Plan,
        runner: Uuid,
    ) -> BoxFuture<'a, Result<Import, port::Error>> {
        let plan = plan.clone();
        let start = move |connection: &Connection| record::start(connection, &plan, runner);
        Box::pin(self.write(Lane::Primary, Rings::Nothing, start))
    }

    fn advance<'a>(
        &'a self,
        name: &'a str,
        runner: Uuid,
        progress: Progress,
    ) -> BoxFuture<'a, Result<Option<State>, port::Error>> {
        let name = name.to_owned();
        let advance =
            move |connection: &Connection| record::advance(connection, &name, runner, &progress);
        // Nobody's order waits for it.
        Box::pin(self.write(Lane::Backfill, Rings::Nothing, advance))
    }

    fn ask<'a>(
        &'a self,
        name: &'a str,
        state: State,
    ) -> BoxFuture<'a, Result<Option<State>, port::Error>> {
        let name = name.to_owned();
        // Runners look by themselves.
        let ask = move |connection: &Connection| record::ask(connection, &name, state);
        Box::pin(self.write(Lane::Primary, Rings::Nothing, ask))
    }

    fn count_withdrawn<'a>(
        &'a self,
        name: &'a str,
        count: u64,
    ) -> BoxFuture<'a, Result<(), port::Error>> {
        let name = name.to_owned();
        let write =
            move |connection: &Connection| record::count_withdrawn(connection, &name, count);
        Box::pin(self.write(Lane::Primary, Rings::Nothing, write))
    }

    fn queued<'a>(
        &'a self,
        subscription: &'a Subscription,
        name: &'a str,
        after: Option<Place>,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Unsettled>, port::Error>> {
        let (subscription, name) = (subscription.clone(), name.to_owned());
        Box::pin(self.readers(Lane::Backfill).read(move |connection| {
            unsettled::queued(connection, &subscription, &name, after, count_max)
                .map_err(|error| failed("the look for commands of an import", &error))
        }))
    }

    fn parked<'a>(
        &'a self,
        subscription: &'a Subscription,
        name: &'a str,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Unsettled>, port::Error>> {
        let (subscription, name) = (subscription.clone(), name.to_owned());
        Box::pin(self.readers(Lane::Backfill).read(move |connection| {
            unsettled::parked(connection, &subscription, &name, count_max)
                .map_err(|error| failed("the look for commands of an import", &error))
        }))
    }

    fn trail<'a>(
        &'a self,
        subscriptions: &'a [Subscription],
        name: &'a str,
        upto: Position,
    ) -> BoxFuture<'a, Result<Trail, port::Error>> {
        let (subscriptions, name) = (subscriptions.to_vec(), name.to_owned());
        Box::pin(self.readers(Lane::Backfill).read(move |connection| {
            unsettled::trail(connection, &subscriptions, &name, upto)
                .map_err(|error| failed("the look for what an import left", &error))
        }))
    }
}

impl Sqlite {
    fn hold_now(&self, name: &str) -> Result<Option<Hold>, port::Error> {
        // Names that differ in such letters alone share a lock, which costs a wait and no more.
        let letter = |letter: char| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        };
        let name: String = name.chars().map(letter).collect();
        self.hold_file("the lock of an import", &format!("{name}.import"))
    }

    /// The lock on a file in the folder of locks; `None` while somebody else has it.
    pub(crate) fn hold_file(&self, what: &str, name: &str) -> Result<Option<Hold>, port::Error> {
        let what = |error: &std::io::Error| file(what, error);
        let path = self.inner.locks.join(name);
        let lock = lock_file(&path).map_err(|error| what(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Box::new(lock))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(what(&error)),
        }
    }
}
