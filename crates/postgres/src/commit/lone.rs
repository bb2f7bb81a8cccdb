//! A commit that is one message and nothing else, as that of a command that is accepted by itself:
//! one statement, and little to compose. Whatever stands against it is left to the others.

use deadpool_postgres::Client;
use protean_core::Lane;
use protean_core::message::Message;
use protean_core::port::store::{Commit, Committed, Position, Refused};
use tokio_postgres::{Error, Row};

use super::fate::{self, Fate, Own};
use super::last::warm;
use super::parcel::Parcel;
use super::publish::{Arrays, Publication, queue_key};
use super::statements::Statements;
use super::whole::{PUBLISH, is_unmet};
use crate::Postgres;
use crate::error::{Trouble, trouble};
use crate::lanes;
use crate::message::number;

/// Writes the commit of the only job, if it is one message and nothing else; none if it is not, or
/// could not be written this way.
pub(super) async fn write(
    database: &Postgres,
    jobs: &[Vec<Commit>],
) -> Option<Result<Committed, Refused>> {
    let (commit, message) = lone(jobs)?;
    let queues = &database.inner.committers.queues;
    let key = queue_key(lanes::number(Lane::Primary), message);
    let queue = queues.find(&key).filter(|_| queues.trust.holds())?;
    let client = database.inner.pools.lane(Lane::Primary).await.ok()?;
    let own = Own::Sent {
        backend: database.inner.pools.backend(&client)?,
        id: message.id,
        correlation_id: message.correlation_id.to_string(),
    };
    warm(database, &client).await.ok()?;
    let mut publication = Publication::of(&[commit]);
    let parcel = Parcel::of(database, &mut publication);
    match publish(database, &client, (queue, message), &publication).await {
        Ok(Some(row)) => {
            queues.trust.judge(true);
            database.inner.bell.ring_behind_letter(publication.news);
            // What is woken last runs first on this thread.
            if let Some(parcel) = parcel {
                parcel.hand_over(database, Some(&row));
            }
            Some(Ok(done(row.try_get(1).ok().map(number))))
        }
        Ok(None) => {
            queues.clear();
            None
        }
        Err(error) if trouble(&error) == Trouble::Away => {
            drop(deadpool_postgres::Object::take(client));
            match own.fate(database, Lane::Primary).await {
                Fate::Committed => {
                    database.inner.bell.ring(publication.news);
                    if let Some(parcel) = parcel {
                        parcel.leave(database);
                    }
                    Some(Ok(done(None)))
                }
                Fate::Undone => None,
                Fate::Unknown => Some(Err(Refused::Store(fate::unknown()))),
            }
        }
        Err(error) => {
            tracing::debug!(%error, "a message was not published alone");
            queues.trust.judge(!is_unmet(&error));
            None
        }
    }
}

/// The message that is all there is to be committed, on the primary lane and without a key.
fn lone(jobs: &[Vec<Commit>]) -> Option<(&Commit, &Message)> {
    let [job] = jobs else { return None };
    let [commit] = &**job else { return None };
    let [(Lane::Primary, message)] = &*commit.messages else {
        return None;
    };
    let nothing_else = commit.recorded.is_empty()
        && commit.writes.is_empty()
        && commit.settlements.is_empty()
        && commit.along.is_empty();
    (nothing_else && message.idempotency_key.is_none()).then_some((commit, message))
}

/// Sends the message, and in the same breath word of it to other processes. None if its queue is gone.
async fn publish(
    database: &Postgres,
    client: &Client,
    (queue, message): (i64, &Message),
    publication: &Publication<'_>,
) -> Result<Option<Row>, Error> {
    let arrays = Arrays::one(queue, message);
    let statement = client.prepare_cached(&PUBLISH).await?;
    let mut batch = Statements::new(client);
    batch.add_prepared(statement, arrays.of_one().to_vec());
    if let Some(letter) = database.inner.bell.letter(&publication.news) {
        batch.trail(letter).await?;
    }
    let mut answers = batch.send().await?;
    Ok(answers.pop().and_then(|mut rows| rows.pop()))
}

fn done(position: Option<u64>) -> Committed {
    Committed::Done {
        position: position.map(Position),
        along: false,
    }
}
