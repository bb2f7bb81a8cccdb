//! The rows of an import: commands, and what is none.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::{Cause, Error};
use crate::app::{App, Receipt, Submission};
use crate::domain::{Command, Domain, Prepared, RoutedIn};
use crate::schema::{Invalid, Record};
use crate::{BoxFuture, app, naming};

/// One row of what is imported: a command, or why it is none; and what it was made of, `O`, which
/// comes back when it is rejected.
#[derive(Debug)]
pub struct Row<C, O = ()> {
    pub(super) content: Result<C, Invalid>,
    pub(super) line: Option<u64>,
    pub(super) key: Option<String>,
    pub(super) origin: O,
}

impl<C> Row<C> {
    /// A row that is a command.
    #[must_use]
    pub const fn new(command: C) -> Self {
        Self::of(Ok(command))
    }

    /// A row that is none, and why.
    #[must_use]
    pub const fn rejected(why: Invalid) -> Self {
        Self::of(Err(why))
    }

    const fn of(content: Result<C, Invalid>) -> Self {
        Self {
            content,
            line: None,
            key: None,
            origin: (),
        }
    }

    /// Remembers what it was made of.
    #[must_use]
    pub fn origin<O>(self, origin: O) -> Row<C, O> {
        Row {
            content: self.content,
            line: self.line,
            key: self.key,
            origin,
        }
    }
}

impl<C, O> Row<C, O> {
    /// The line it starts on, if that is not its number.
    #[must_use]
    pub const fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// What tells it from every other row of every import: a second one with the same key is not
    /// accepted. Without one, it is told by the import's name and its number.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// What a source of rows may give: commands, rows, or either until it fails.
pub trait IntoRow {
    /// The commands.
    type Command;
    /// What the rows are made of.
    type Origin;

    /// The row.
    ///
    /// # Errors
    /// What keeps the source from giving any more.
    fn into_row(self) -> Result<Row<Self::Command, Self::Origin>, Cause>;
}

impl<C: Command> IntoRow for C {
    type Command = C;
    type Origin = ();

    fn into_row(self) -> Result<Row<C>, Cause> {
        Ok(Row::new(self))
    }
}

impl<C, O> IntoRow for Row<C, O> {
    type Command = C;
    type Origin = O;

    fn into_row(self) -> Result<Self, Cause> {
        Ok(self)
    }
}

impl<C, O, E: Into<Cause>> IntoRow for Result<Row<C, O>, E> {
    type Command = C;
    type Origin = O;

    fn into_row(self) -> Result<Row<C, O>, Cause> {
        self.map_err(Into::into)
    }
}

/// A command that can be imported into a domain: any that it handles, also one that was prepared by
/// name.
pub trait Importable<D>: Send + Sized + 'static {
    /// The stream that it goes to: `bookshelf::book:command`.
    fn stream(&self) -> Arc<str>;

    /// Asks for commands to be done, in one durable write.
    fn submit(
        app: &App<D>,
        submissions: Vec<Submission<Self>>,
    ) -> BoxFuture<'_, Vec<Result<Receipt, app::Error>>>;
}

impl<D: Domain, C: RoutedIn<D>> Importable<D> for C {
    fn stream(&self) -> Arc<str> {
        naming::command_stream(D::NAME, <C::Aggregate as Record>::SCHEMA.table).into()
    }

    fn submit(
        app: &App<D>,
        submissions: Vec<Submission<Self>>,
    ) -> BoxFuture<'_, Vec<Result<Receipt, app::Error>>> {
        Box::pin(app.process_chunk(submissions))
    }
}

impl<D: Domain> Importable<D> for Prepared {
    fn stream(&self) -> Arc<str> {
        self.stream.clone()
    }

    fn submit(
        app: &App<D>,
        submissions: Vec<Submission<Self>>,
    ) -> BoxFuture<'_, Vec<Result<Receipt, app::Error>>> {
        Box::pin(app.process_prepared(submissions))
    }
}

/// A row that was not accepted.
#[derive(Debug)]
pub struct Rejection<O> {
    /// Its number, from 1.
    pub row: u64,
    /// The line it starts on.
    pub line: u64,
    /// Why.
    pub why: Invalid,
    /// What it was made of.
    pub origin: O,
}

/// A stream of what an iterator gives, which has to have it at hand.
pub fn iter<I: IntoIterator>(items: I) -> Iter<I::IntoIter> {
    Iter {
        items: items.into_iter(),
    }
}

/// A stream of what an iterator gives.
#[derive(Debug)]
pub struct Iter<I> {
    items: I,
}

/// The iterator itself is never pinned.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.items.next())
    }
}

/// Whoever is told how an import goes. What it answers to [`written`](Self::written) is written
/// down with the position, and told when the import goes on.
pub trait Observer<O>: Send {
    /// It begins, or goes on: what was written of rows after these is to be forgotten.
    ///
    /// # Errors
    /// What ends it before it has begun.
    fn begins(&mut self, _import: &crate::port::imports::Import) -> Result<(), Cause> {
        Ok(())
    }

    /// A row was rejected; in the order of the rows.
    ///
    /// # Errors
    /// What ends the import. It can go on from before this row.
    fn rejected(&mut self, _rejection: Rejection<O>) -> Result<(), Cause> {
        Ok(())
    }

    /// Makes what was written of rejected rows durable, and says how many bytes that are by now.
    ///
    /// # Errors
    /// What ends the import. It can go on from before these rows.
    fn written(&mut self) -> Result<u64, Cause> {
        Ok(0)
    }

    /// So many rows are done with.
    fn advanced(&mut self, _progress: &crate::port::imports::Progress) {}

    /// It stands still, or goes on, as an operator asked.
    fn asked(&mut self, _state: crate::port::imports::State) {}
}

impl<O> Observer<O> for () {}

/// Reads the next row of a source.
pub(super) async fn next<S: Stream<Item: IntoRow> + Unpin>(
    source: &mut S,
) -> Option<Result<RowOf<S>, Error>> {
    let item = std::future::poll_fn(|context| Pin::new(&mut *source).poll_next(context)).await?;
    Some(item.into_row().map_err(Error::Source))
}

/// The rows of a source.
pub(super) type RowOf<S> =
    Row<<<S as Stream>::Item as IntoRow>::Command, <<S as Stream>::Item as IntoRow>::Origin>;
