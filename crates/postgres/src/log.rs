//! The log of all messages.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use protean_core::interner::Interner;
use protean_core::naming::split_entity;
use protean_core::port::log::{Entry, Log};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::error::failed;
use crate::message::{self, COLUMNS, column};
use crate::{Postgres, lanes};

impl Log for Postgres {
    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: Position,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
            let found = match split_entity(stream) {
                Some((stream, key)) => {
                    let condition = "q.stream = $1 AND m.key = $2 AND m.position >= $3";
                    let parameters: [&(dyn ToSql + Sync); 4] =
                        [&stream, &key, &column(from.0), &count_max];
                    entries(&client, condition, &parameters).await
                }
                None => of_stream(&client, stream, from, count_max).await,
            };
            found.map_err(|error| failed("the read", &error))
        })
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
}

/// The messages of a stream, merged from its queues by position.
async fn of_stream(
    client: &impl GenericClient,
    stream: &str,
    from: Position,
    count_max: i64,
) -> Result<Vec<Entry>, Error> {
    let queues = client
        .query(
            "SELECT id, head FROM protean_queue WHERE stream = $1",
            &[&stream],
        )
        .await?;
    let mut all = Vec::new();
    for queue in queues {
        let (id, head): (i64, i64) = (queue.try_get(0)?, queue.try_get(1)?);
        // In a queue, positions grow with the sequence, so the first row is found by bisection.
        let first = first_sequence(client, id, head, column(from.0)).await?;
        let condition = "m.queue = $1 AND m.sequence >= $2";
        let parameters: [&(dyn ToSql + Sync); 3] = [&id, &first, &count_max];
        all.extend(entries(client, condition, &parameters).await?);
    }
    all.sort_by_key(|entry: &Entry| entry.position);
    all.truncate(usize::try_from(count_max).unwrap_or(usize::MAX));
    Ok(all)
}

/// The number of the first message of a queue at or after a position.
async fn first_sequence(
    client: &impl GenericClient,
    queue: i64,
    head: i64,
    from: i64,
) -> Result<i64, Error> {
    let sql = "SELECT position FROM protean_message WHERE queue = $1 AND sequence >= $2
        ORDER BY sequence LIMIT 1";
    let select = client.prepare_cached(sql).await?;
    let (mut low, mut high) = (1, head + 1);
    while low < high && from > 1 {
        let middle = i64::midpoint(low, high);
        let found = client.query_opt(&select, &[&queue, &middle]).await?;
        let found: Option<i64> = found.map(|row| row.try_get(0)).transpose()?;
        if found.is_some_and(|position| position < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The messages that a condition finds; its last parameter is their greatest number.
async fn entries(
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
