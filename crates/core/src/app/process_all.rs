//! A stream of commands on its way in: a chunk is read while the one before it is written.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::chunk::{self, CHUNK_COMMANDS};
use super::headroom::Headroom;
use super::{App, Error, Receipt, Submission};
use crate::domain::{Domain, RoutedIn};
use crate::message::Message;
use crate::{BoxFuture, Lane};

/// Payloads of one chunk, in bytes: with payloads so large that fewer commands than usual come to
/// this, a chunk is no longer a write than with small ones. One that is larger by itself goes alone.
const CHUNK_BYTES: usize = 1 << 20;

/// The outcomes of commands that are processed as they are asked for; made by
/// [`App::process_all`](super::App::process_all). A [`Stream`], and without a crate for streams it
/// has [`next`](Self::next).
///
/// Accepted means durable: the command will take effect exactly once (L9). Commands with one key
/// are handled in the order of the stream (L8).
///
/// Two chunks are in memory at most, of 500 commands, 1 MiB of payloads or `max_backlog` commands,
/// whatever is least: one that is written, and one that is read meanwhile. A chunk ends early when
/// nothing is being written and the source has nothing ready. While nobody polls for outcomes
/// nothing is read, and no further write begins.
///
/// What a command inherits (a priority, a correlation, a trace) it has from the handle that made
/// this, and from the task that polls it.
///
/// # Cancel safety
/// Dropping it loses nothing that was accepted. Of the commands whose outcomes were not told, those
/// of one chunk may be accepted and durable, and all others that were read are not; to send them
/// again without doing anything twice, give them
/// [idempotency keys](Submission::idempotency_key).
#[must_use = "no command is processed until the outcomes are asked for"]
pub struct ProcessAll<D, S> {
    app: App<D>,
    /// `None` after its end.
    source: Option<Pin<Box<S>>>,
    commands_max: usize,
    chunk: Chunk,
    /// The chunk that is written, as soon as it may.
    writing: Option<BoxFuture<'static, Written>>,
    /// `None` while something is written.
    headroom: Option<Headroom>,
    outcomes: std::vec::IntoIter<Result<Receipt, Error>>,
}

/// What was read and is not being written.
#[derive(Default)]
struct Chunk {
    messages: Vec<Result<Message, Error>>,
    bytes: usize,
}

/// A chunk that was written.
struct Written {
    headroom: Headroom,
    outcomes: Vec<Result<Receipt, Error>>,
}

impl<D: Domain, S> ProcessAll<D, S> {
    /// That of a source whose commands go to this stream.
    pub(super) fn new(app: App<D>, source: S, stream: &str) -> Self {
        let mut headroom = Headroom::of(&app);
        headroom.concern(stream.into());
        Self {
            app,
            source: Some(Box::pin(source)),
            commands_max: headroom.chunk_max(CHUNK_COMMANDS),
            chunk: Chunk::default(),
            writing: None,
            headroom: Some(headroom),
            outcomes: Vec::new().into_iter(),
        }
    }
}

impl<D, S, C> ProcessAll<D, S>
where
    D: Domain,
    S: Stream<Item = Submission<C>>,
    C: RoutedIn<D>,
{
    /// The next outcome, in the order of the commands; `None` after the last.
    ///
    /// # Errors
    /// Per command: its violations, why its handler did not do it if it is handled inline, or the
    /// store's own failure. The commands after it go on.
    ///
    /// # Cancel safety
    /// Cancel safe: what is not returned stays for the next call.
    pub async fn next(&mut self) -> Option<Result<Receipt, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Reads as much as is ready and goes into one chunk.
    fn read(&mut self, context: &mut Context<'_>) {
        while self.chunk.messages.len() < self.commands_max && self.chunk.bytes < CHUNK_BYTES {
            let Some(source) = &mut self.source else {
                return;
            };
            match source.as_mut().poll_next(context) {
                Poll::Pending => return,
                Poll::Ready(None) => self.source = None,
                Poll::Ready(Some(submission)) => {
                    let message = self.app.compose(submission);
                    self.chunk.bytes += message.as_ref().map_or(0, |one| one.data.len());
                    self.chunk.messages.push(message);
                }
            }
        }
    }

    /// Begins to write what was read, unless something is being written.
    fn begin(&mut self) {
        if self.chunk.messages.is_empty() {
            return;
        }
        if let Some(headroom) = self.headroom.take() {
            let Chunk { messages, .. } = std::mem::take(&mut self.chunk);
            let write = write::<D, C>(self.app.clone(), headroom, messages);
            self.writing = Some(Box::pin(write));
        }
    }
}

impl<D, S, C> Stream for ProcessAll<D, S>
where
    D: Domain,
    S: Stream<Item = Submission<C>>,
    C: RoutedIn<D>,
{
    type Item = Result<Receipt, Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Receipt, Error>>> {
        let this = &mut *self;
        loop {
            if let Some(outcome) = this.outcomes.next() {
                return Poll::Ready(Some(outcome));
            }
            this.read(context);
            this.begin();
            let Some(writing) = &mut this.writing else {
                return match this.source {
                    Some(_) => Poll::Pending,
                    None => Poll::Ready(None),
                };
            };
            let Written { headroom, outcomes } = ready!(writing.as_mut().poll(context));
            this.writing = None;
            this.headroom = Some(headroom);
            this.outcomes = outcomes.into_iter();
        }
    }
}

/// Writes a chunk as soon as its backfill commands may go.
async fn write<D: Domain, C: RoutedIn<D>>(
    app: App<D>,
    mut headroom: Headroom,
    messages: Vec<Result<Message, Error>>,
) -> Written {
    let routing = app.names().routing();
    let lanes = messages
        .iter()
        .flatten()
        .map(|one| routing.lane(one.priority));
    let backfill = lanes.filter(|lane| *lane == Lane::Backfill).count();
    headroom.wait(&app, backfill).await;
    let outcomes = chunk::submit::<D, C>(&app, messages).await;
    Written { headroom, outcomes }
}
