//! What became of a transaction whose end was not heard: a connection that breaks while it commits
//! says nothing. Until it is known nothing may be tried again, or it would happen twice.

use std::time::{Duration, Instant};

use protean_core::{Lane, port};
use tokio_postgres::{Error, Row};

use crate::Postgres;
use crate::error::{Trouble, failed, trouble};

/// The transaction's own number, by which its fate can be asked for later, and when the server was
/// started that gave it.
pub(super) const OWN: &str =
    "SELECT pg_current_xact_id()::text, extract(epoch FROM pg_postmaster_start_time())::text";

/// What became of the transaction with a number, and whether the same server says so.
const STATUS: &str = "SELECT pg_xact_status($1::text::xid8),
    extract(epoch FROM pg_postmaster_start_time())::text = $2";

/// How long, and how far apart, the fate of a transaction is asked for while nobody knows it: less
/// than any caller waits.
const PATIENCE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_millis(50);

/// Which transaction it was.
#[derive(Debug, Default)]
pub(super) struct Own {
    number: String,
    server: String,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Undone,
    Unknown,
}

impl Own {
    /// What [`OWN`] answered.
    pub(super) fn read(rows: &[Row]) -> Result<Self, Error> {
        let Some(row) = rows.first() else {
            return Ok(Self::default());
        };
        Ok(Self {
            number: row.try_get(0)?,
            server: row.try_get(1)?,
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
        let row = client
            .query_one(STATUS, &[&self.number, &self.server])
            .await;
        let told = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let (status, same): (Option<String>, bool) = match told {
            Ok(told) => told,
            // A number that was not given yet: a server that was killed has forgotten it.
            Err(error) if trouble(&error) == Trouble::Value => return Ok(Some(Fate::Undone)),
            Err(error) => return Err(failed("the fate of a transaction", &error)),
        };
        // A server that was killed may have forgotten the number, and given it to another one.
        Ok(match (status.as_deref(), same) {
            (Some("committed"), true) => Some(Fate::Committed),
            (Some("committed"), false) => Some(Fate::Unknown),
            (Some("in progress"), true) => None,
            _ => Some(Fate::Undone),
        })
    }
}
