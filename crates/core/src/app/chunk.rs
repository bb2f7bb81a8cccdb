//! Commands that are asked for together: one durable write for a chunk of them.

use uuid::Uuid;

use super::inline::{self, Erased, Take, Typed};
use super::process::{receipt, unanswered_error};
use super::sent::Sent;
use super::{App, Error, Receipt, Submission};
use crate::domain::{Domain, Prepared, RoutedIn};
use crate::message::Message;
use crate::port::store::Commit;
use crate::{Failure, Lane};

/// Commands in one durable write: enough that its fixed cost is small, few enough that it is short.
pub(super) const CHUNK_COMMANDS: usize = 500;

/// The commands of a chunk that go to one lane, and where each stands in the chunk.
#[derive(Default)]
struct Chunk {
    of: Vec<(usize, Uuid)>,
    commits: Vec<Commit>,
}

/// Accepts a chunk of commands of one type, in order.
pub(super) async fn submit<D: Domain, C: RoutedIn<D>>(
    app: &App<D>,
    mut messages: Vec<Result<Message, Error>>,
) -> Vec<Result<Receipt, Error>> {
    let sent = Sent::all(app, messages.iter_mut().flatten());
    let outcomes = submit_typed::<D, C>(app, messages).await;
    sent.end_all(&outcomes);
    outcomes
}

async fn submit_typed<D: Domain, C: RoutedIn<D>>(
    app: &App<D>,
    messages: Vec<Result<Message, Error>>,
) -> Vec<Result<Receipt, Error>> {
    if app.handles_commands_inline() {
        let take = Typed::<C>::new();
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            outcomes.push(match message {
                Ok(message) => submit_inline(app, &take, message).await,
                Err(error) => Err(error),
            });
        }
        return outcomes;
    }
    write(app, messages).await
}

/// Accepts a chunk of commands whose types are erased.
pub(super) async fn submit_prepared<D: Domain>(
    app: &App<D>,
    submissions: impl IntoIterator<Item = Submission<Prepared>>,
) -> Vec<Result<Receipt, Error>> {
    let messages = submissions.into_iter().map(|one| app.compose_prepared(one));
    let mut messages: Vec<Message> = messages.collect();
    let sent = Sent::all(app, messages.iter_mut());
    let outcomes = submit_erased(app, messages).await;
    sent.end_all(&outcomes);
    outcomes
}

async fn submit_erased<D: Domain>(
    app: &App<D>,
    messages: Vec<Message>,
) -> Vec<Result<Receipt, Error>> {
    if app.handles_commands_inline() {
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            outcomes.push(match app.registry().route_of(&message) {
                Some(route) => submit_inline(app, &Erased(route.clone()), message).await,
                None => Err(Error::Failed(Failure::refuse(format!(
                    "no handler takes {}",
                    message.type_name
                )))),
            });
        }
        return outcomes;
    }
    write(app, messages.into_iter().map(Ok).collect()).await
}

async fn submit_inline<D: Domain>(
    app: &App<D>,
    take: &impl Take<D>,
    message: Message,
) -> Result<Receipt, Error> {
    let outcome = inline::run(app, take, message).await;
    outcome.map(|(receipt, _)| receipt)
}

/// Writes the messages of a chunk, each lane's in one batch.
async fn write<D: Domain>(
    app: &App<D>,
    messages: Vec<Result<Message, Error>>,
) -> Vec<Result<Receipt, Error>> {
    let mut outcomes: Vec<Option<Result<Receipt, Error>>> = Vec::with_capacity(messages.len());
    let mut lanes = [Chunk::default(), Chunk::default()];
    for (nth, message) in messages.into_iter().enumerate() {
        match message {
            Err(error) => outcomes.push(Some(Err(error))),
            Ok(message) => {
                let lane = app.names().routing().lane(message.priority);
                let chunk = &mut lanes[lane.index()];
                chunk.of.push((nth, message.id));
                chunk.commits.push(Commit {
                    messages: vec![(lane, message)],
                    ..Commit::default()
                });
                outcomes.push(None);
            }
        }
    }
    for (lane, Chunk { of, commits }) in Lane::ALL.into_iter().zip(lanes) {
        if commits.is_empty() {
            continue;
        }
        let results = app.tier().store.commit(lane, commits).await;
        for ((nth, id), result) in of.into_iter().zip(results) {
            outcomes[nth] = Some(receipt(id, result));
        }
    }
    let answered = outcomes.into_iter().map(|outcome| match outcome {
        Some(outcome) => outcome,
        None => Err(Error::Store(unanswered_error())),
    });
    answered.collect()
}
