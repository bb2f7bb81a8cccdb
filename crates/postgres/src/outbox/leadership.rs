//! Who relays a lane: one process at a time, while others stand by.

use std::time::Duration;

use protean_core::port::broker::Wake;
use protean_core::{Lane, port};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls};

use super::Outbox;
use crate::bell::Ear;
use crate::error::failed;
use crate::{lanes, locks};

/// How often a relay that stands by asks whether the other one is gone, which may have died: one that
/// stops calls out.
const STANDBY_INTERVAL: Duration = Duration::from_millis(500);

/// A machine that lost its power must not keep the lock for hours.
const SETTINGS: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3";

/// What keeps other relays of a lane waiting. It ends with its connection, whatever becomes of the
/// process.
#[derive(Debug)]
pub struct Leadership {
    client: Client,
    lock: i32,
}

impl Leadership {
    /// Whether it is over.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// Leaves it to others at once. A connection that is broken has done so.
    pub async fn give_up(self) {
        let unlock = "SELECT pg_advisory_unlock($1, $2)";
        let lock: [&(dyn ToSql + Sync); 2] = [&locks::RELAYS, &self.lock];
        if let Err(error) = self.client.execute(unlock, &lock).await {
            tracing::debug!(%error, "the lock of a relay ends with its connection");
        }
    }

    async fn is_free(&self) -> Result<bool, Error> {
        let lock = "SELECT pg_try_advisory_lock($1, $2)";
        let row = self
            .client
            .query_one(lock, &[&locks::RELAYS, &self.lock])
            .await?;
        row.try_get(0)
    }
}

impl Outbox {
    /// Becomes the relay of a lane, as soon as nobody else is.
    ///
    /// # Errors
    /// When the database cannot be reached.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn lead(&self, lane: Lane) -> Result<Leadership, port::Error> {
        let broken = |error| failed("becoming the relay", &error);
        let config = self.database.inner.pools.config();
        let (client, connection) = config.connect(NoTls).await.map_err(broken)?;
        tokio::spawn(connection);
        client.batch_execute(SETTINGS).await.map_err(broken)?;
        let lock = i32::from(lanes::number(lane));
        let candidate = Leadership { client, lock };
        let ear = self.database.ear_of(lane);
        while !candidate.is_free().await.map_err(broken)? {
            // What is heard first, the call or the time, makes no difference.
            let _ = tokio::time::timeout(STANDBY_INTERVAL, call(&ear)).await;
        }
        Ok(candidate)
    }
}

/// Somebody calls everybody out.
async fn call(ear: &Ear) {
    while !matches!(ear.wake().await, Wake::Anything) {}
}
