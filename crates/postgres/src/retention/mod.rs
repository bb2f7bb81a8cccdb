//! Removing what is old, as work of the backfill lane: on its connections, for which nobody waits
//! for the disk, and with its rests.

mod look;
mod remove;

use std::time::Instant;

use deadpool_postgres::{Client, GenericClient};
use jiff::{SignedDuration, Timestamp};
use protean_core::port::broker::Subscription;
use protean_core::port::imports::{Hold, State};
use protean_core::port::retention::{Due, Kind, Removed, Row, Sweep};
use protean_core::port::{self, Retention};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::Error;

use crate::error::failed;
use crate::value::Micros;
use crate::{Postgres, locks};

/// The rows that one transaction removes: a database does it in a small part of a quantum.
const BATCH_MAX: usize = 64;

/// How much older than an import its commands may look: their ids have milliseconds.
const SLACK: SignedDuration = SignedDuration::from_secs(1);

/// When the first import was started that has not ended.
const FIRST_LIVE: &str = "SELECT min(started) FROM protean_import WHERE state = ANY($1)";

/// Makes the cursors of a subscription that it does not have.
const BEGIN: &str = "INSERT INTO protean_cursor (subscription, queue, sequence)
    SELECT $1, q.id, COALESCE(t.sequence, 0) FROM protean_queue AS q
    LEFT JOIN protean_trimmed AS t ON t.queue = q.id
    WHERE q.stream = $2 AND q.lane <> $3 ORDER BY q.id ON CONFLICT DO NOTHING";

/// When a message counts as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// When it is committed.
    Committed,
    /// When the relay says so.
    Relayed,
}

/// What is old in a database.
#[derive(Clone, Debug)]
pub(crate) struct Old {
    pub(crate) database: Postgres,
    pub(crate) published: Published,
}

impl Retention for Old {
    fn turn(&self) -> BoxFuture<'_, Result<Option<Hold>, port::Error>> {
        Box::pin(async move {
            let held = self.database.lock(locks::RETENTION, "").await;
            let client = held.map_err(|error| failed("the turn to clean", &error))?;
            Ok(client.map(|client| Box::new(client) as Hold))
        })
    }

    fn due<'a>(
        &'a self,
        sweep: &'a Sweep,
        after: Option<&'a Row>,
    ) -> BoxFuture<'a, Result<Due, port::Error>> {
        Box::pin(async move {
            let client = self.database.inner.pools.light(Lane::Backfill).await?;
            let look = look::Look {
                client: &client,
                sweep,
                published: self.published,
            };
            let looked = match sweep.kind {
                Kind::Commands => look.commands(after).await,
                Kind::Markers => look.markers(after).await,
                Kind::Traces => look.traces(after).await,
                Kind::Imports => look.imports(after).await,
                Kind::Gauges => look.gauges().await,
            };
            looked.map_err(|error| failed("the look for what is old", &error))
        })
    }

    fn remove<'a>(
        &'a self,
        sweep: &'a Sweep,
        rows: &'a [Row],
    ) -> BoxFuture<'a, Result<Removed, port::Error>> {
        Box::pin(async move {
            let mut client = self.database.inner.pools.light(Lane::Backfill).await?;
            let started = Instant::now();
            let rows = &rows[..rows.len().min(BATCH_MAX)];
            let removed = remove::all(&mut client, sweep, rows).await;
            self.database
                .inner
                .bell
                .pace()
                .rest(started.elapsed())
                .await;
            Ok(Removed {
                passed: rows.len(),
                removed: removed.map_err(|error| failed("the removal of what is old", &error))?,
            })
        })
    }
}

/// Lets a subscription begin after what was trimmed, and have nothing more trimmed before it has
/// read it.
pub(crate) async fn begin(client: &mut Client, subscription: &Subscription) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    transaction
        .execute(
            "SELECT pg_advisory_xact_lock_shared($1)",
            &[&locks::TRIMMING],
        )
        .await?;
    let (name, stream) = (&*subscription.name, &*subscription.stream);
    transaction
        .execute(BEGIN, &[&name, &stream, &crate::lanes::INLINE])
        .await?;
    transaction.commit().await
}

/// The moment before which nothing is needed by an import that has not ended: it may submit its rows
/// again.
async fn before(client: &impl GenericClient, sweep: &Sweep) -> Result<Timestamp, Error> {
    let live = [State::Running, State::Paused].map(State::name);
    let row = client.query_one(FIRST_LIVE, &[&&live[..]]).await?;
    let first: Option<Micros> = row.try_get(0)?;
    Ok(match first {
        Some(first) => sweep.before.min(first.timestamp() - SLACK),
        None => sweep.before,
    })
}
