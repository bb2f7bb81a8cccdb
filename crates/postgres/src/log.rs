//! The log of all messages.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use protean_core::interner::Interner;
use protean_core::naming::split_entity;
use protean_core::port::broker::{Broker, Listener, Subscription};
use protean_core::port::log::{Entry, Log, Search, Stat};
use protean_core::port::store::Position;
use protean_core::port::trace::Fate;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::error::failed;
use crate::message::{self, COLUMNS, column};
use crate::search::Edge;
use crate::{Postgres, lanes, search, trace};

impl Log for Postgres {
    fn read<'a>(
        &'a self,
        stream: &'a str,
        lane: Option<Lane>,
        from: Position,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
            let lanes = lane.map(lanes::all_of);
            let lanes = lanes.as_ref().map(<[i16; 2]>::as_slice);
            let found = match split_entity(stream) {
                Some((stream, key)) => {
                    let condition = "q.stream = $1 AND m.key = $2 AND m.position >= $3
                        AND ($4::smallint[] IS NULL OR q.lane = ANY($4))";
                    let parameters: [&(dyn ToSql + Sync); 5] =
                        [&stream, &key, &column(from.0), &lanes, &count_max];
                    entries(&client, condition, &parameters).await
                }
                None => of_stream(&client, (stream, lanes), from, count_max).await,
            };
            found.map_err(|error| failed("the read", &error))
        })
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, port::Error>> {
        Broker::listen(self)
    }

    fn trace<'a>(
        &'a self,
        correlation_id: &'a str,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
            let parameters: [&(dyn ToSql + Sync); 2] = [&correlation_id, &count_max];
            entries(&client, "m.correlation_id = $1", &parameters)
                .await
                .map_err(|error| failed("the trace", &error))
        })
    }

    fn find(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Entry>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let found = search::find(&client, id).await;
            found.map_err(|error| failed("the look for a message", &error))
        })
    }

    fn search<'a>(
        &'a self,
        search: &'a Search,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
            let found = search::search(&client, search, count_max).await;
            found.map_err(|error| failed("the search", &error))
        })
    }

    fn stats(&self) -> BoxFuture<'_, Result<Vec<Stat>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let stats = search::stats(&client).await;
            stats.map_err(|error| failed("the statistics", &error))
        })
    }

    fn fates<'a>(
        &'a self,
        positions: &'a [Position],
        subscriptions: &'a [Subscription],
    ) -> BoxFuture<'a, Result<Vec<Fate>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let fates = trace::fates(&client, positions, subscriptions).await;
            fates.map_err(|error| failed("the trace", &error))
        })
    }
}

/// The messages of a stream, merged from its queues by position.
async fn of_stream(
    client: &impl GenericClient,
    (stream, lanes): (&str, Option<&[i16]>),
    from: Position,
    count_max: i64,
) -> Result<Vec<Entry>, Error> {
    let sql = "SELECT id, head FROM protean_queue
        WHERE stream = $1 AND ($2::smallint[] IS NULL OR lane = ANY($2))";
    let queues = client.query(sql, &[&stream, &lanes]).await?;
    let mut all = Vec::new();
    for queue in queues {
        let (id, head): (i64, i64) = (queue.try_get(0)?, queue.try_get(1)?);
        let edge = Edge::Position(column(from.0));
        let first = search::first_sequence(client, (id, head), &edge).await?;
        let condition = "m.queue = $1 AND m.sequence >= $2";
        let parameters: [&(dyn ToSql + Sync); 3] = [&id, &first, &count_max];
        all.extend(entries(client, condition, &parameters).await?);
    }
    all.sort_by_key(|entry: &Entry| entry.position);
    all.truncate(usize::try_from(count_max).unwrap_or(usize::MAX));
    Ok(all)
}

/// The messages that a condition finds; its last parameter is their greatest number.
pub(crate) async fn entries(
    client: &impl GenericClient,
    condition: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Entry>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM protean_message AS m JOIN protean_queue AS q ON q.id = m.queue
         WHERE {condition} ORDER BY m.position LIMIT ${}",
        parameters.len()
    );
    let select = client.prepare_cached(&sql).await?;
    let rows = client.query(&select, parameters).await?;
    let mut interner = Interner::default();
    rows.iter().map(|row| entry(row, &mut interner)).collect()
}

fn entry(row: &Row, interner: &mut Interner) -> Result<Entry, Error> {
    let logged = message::read(row, interner)?;
    Ok(Entry {
        position: Position(logged.position),
        lane: lanes::of(message::lane(row)?),
        message: Arc::new(logged.message),
    })
}
