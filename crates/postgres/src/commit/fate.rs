//! What became of a transaction whose end was not heard: a connection that breaks while it commits
//! says nothing. Until it is known nothing may be tried again, or it would happen twice.

use std::time::{Duration, Instant};

use deadpool_postgres::Client;
use protean_core::{Lane, port};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::Postgres;
use crate::error::{Trouble, failed, trouble, unavailable};
use crate::pool::Backend;

/// The transaction's own number, by which its fate can be asked for later, and when the server was
/// started that gave it.
pub(super) const OWN: &str =
    "SELECT pg_current_xact_id()::text, extract(epoch FROM pg_postmaster_start_time())::text";

/// Ends the server process of a connection that broke, if it has not ended; says whether it is there.
const END_BACKEND: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = $1 AND backend_start = $2::text::timestamptz";

/// Whether a message is there.
const FIND_MESSAGE: &str =
    "SELECT FROM protean_message WHERE correlation_id = $1 AND id = $2 LIMIT 1";

/// What became of the transaction with a number, and whether the same server says so.
const STATUS: &str = "SELECT pg_xact_status($1::text::xid8),
    extract(epoch FROM pg_postmaster_start_time())::text = $2";

/// How long, and how far apart, the fate of a transaction is asked for while nobody knows it: less
/// than any caller waits.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(50);

/// Which transaction it was.
#[derive(Debug)]
pub(super) enum Own {
    /// One with a number that was heard of before its end.
    Numbered {
        /// Its number.
        number: String,
        /// When the server was started that gave it.
        server: String,
    },
    /// One that was sent as a whole, so that nothing was heard of it before its end: it is known by
    /// a message that no other transaction has, once the process is gone that served it.
    Sent {
        /// Who served it.
        backend: Backend,
        /// The message.
        id: Uuid,
        /// What the message is found by.
        correlation_id: String,
    },
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Undone,
    Unknown,
}

/// Why nobody can say whether a commit happened.
pub(super) fn unknown() -> port::Error {
    let why = "nobody knows what became of it: its connection broke at its end";
    unavailable("the commit", why)
}

impl Own {
    /// What [`OWN`] answered.
    pub(super) fn read(rows: &[Row]) -> Result<Self, Error> {
        let text = |column| {
            rows.first()
                .map_or(Ok(String::new()), |row| row.try_get(column))
        };
        Ok(Self::Numbered {
            number: text(0)?,
            server: text(1)?,
        })
    }

    /// What became of the transaction, as soon as anybody can tell.
    pub(super) async fn fate(&self, database: &Postgres, lane: Lane) -> Fate {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.look(database, lane).await {
                Ok(Some(fate)) => return fate,
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "the fate of a transaction is not known yet"),
            }
            if Instant::now() >= deadline {
                return Fate::Unknown;
            }
            // sleep: between two looks at a condition that has no signal
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// What became of the transaction; `None` while it goes on, as it does until its server notices
    /// that nobody is there.
    async fn look(&self, database: &Postgres, lane: Lane) -> Result<Option<Fate>, port::Error> {
        let client = database.inner.pools.lane(lane).await?;
        let told = match self {
            Self::Numbered { number, server } => look_up(&client, number, server).await,
            Self::Sent {
                backend,
                id,
                correlation_id,
            } => look_for(&client, backend, *id, correlation_id).await,
        };
        told.map_err(|error| failed("the fate of a transaction", &error))
    }
}

/// What the server says of a transaction with a number.
async fn look_up(client: &Client, number: &str, server: &str) -> Result<Option<Fate>, Error> {
    let row = client.query_one(STATUS, &[&number, &server]).await;
    let told = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let (status, same): (Option<String>, bool) = match told {
        Ok(told) => told,
        // A number that was not given yet: a server that was killed has forgotten it.
        Err(error) if trouble(&error) == Trouble::Value => return Ok(Some(Fate::Undone)),
        Err(error) => return Err(error),
    };
    // A server that was killed may have forgotten the number, and given it to another one.
    Ok(match (status.as_deref(), same) {
        (Some("committed"), true) => Some(Fate::Committed),
        (Some("committed"), false) => Some(Fate::Unknown),
        (Some("in progress"), true) => None,
        _ => Some(Fate::Undone),
    })
}

/// Whether the message of a transaction is there, once nobody can add it any more.
async fn look_for(
    client: &Client,
    backend: &Backend,
    id: Uuid,
    correlation_id: &str,
) -> Result<Option<Fate>, Error> {
    let Backend { pid, started } = backend;
    if !client.query(END_BACKEND, &[pid, started]).await?.is_empty() {
        return Ok(None);
    }
    let found = client
        .query_opt(FIND_MESSAGE, &[&correlation_id, &id])
        .await?;
    Ok(Some(match found {
        Some(_) => Fate::Committed,
        None => Fate::Undone,
    }))
}
