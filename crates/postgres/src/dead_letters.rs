//! The messages that subscriptions gave up.

use std::sync::Arc;

use jiff::Timestamp;
use protean_core::interner::Interner;
use protean_core::port::broker::Subscription;
use protean_core::port::dead_letters::{DeadLetter, DeadLetters, Filter};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::bell::News;
use crate::error::failed;
use crate::message::{self, COLUMN_COUNT, COLUMNS, column, number};
use crate::value::Micros;
use crate::{Postgres, lanes};

/// The dead letters that a filter means; `$1` to `$7` are its conditions, or null.
const MATCHES: &str = "($1::bigint IS NULL OR d.id = $1)
    AND ($2::text IS NULL OR d.subscription = $2) AND ($3::smallint IS NULL OR d.lane = $3)
    AND ($4::text IS NULL OR strpos(lower(d.error), lower($4)) > 0)
    AND ($5::timestamptz IS NULL OR d.failed_last >= $5)
    AND ($6::timestamptz IS NULL OR d.failed_last < $6)
    AND ($7::text IS NULL OR EXISTS (SELECT 1 FROM protean_message AS o
        WHERE o.position = d.position AND starts_with(o.correlation_id, $7)))";

/// Remembers which copies of dead letters a broker has to remove.
fn gone(removed: &str) -> String {
    format!(
        "INSERT INTO protean_mirror_gone (stream, lane, mirror)
         SELECT stream, lane, mirror FROM {removed} WHERE mirror IS NOT NULL"
    )
}

/// The conditions of a filter, as [`MATCHES`] wants them.
struct Conditions<'f> {
    id: Option<i64>,
    subscription: Option<&'f str>,
    lane: Option<i16>,
    error: Option<&'f str>,
    since: Option<Micros>,
    until: Option<Micros>,
    correlation_prefix: Option<&'f str>,
}

impl<'f> Conditions<'f> {
    fn of(filter: &'f Filter) -> Self {
        Self {
            id: filter.id.map(column),
            subscription: filter.subscription.as_deref(),
            lane: filter.lane.map(lanes::number),
            error: filter.error.as_deref(),
            since: filter.since.map(Micros::of),
            until: filter.until.map(Micros::of),
            correlation_prefix: filter.correlation_prefix.as_deref(),
        }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.id,
            &self.subscription,
            &self.lane,
            &self.error,
            &self.since,
            &self.until,
            &self.correlation_prefix,
        ]
    }
}

impl DeadLetters for Postgres {
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let sql = format!(
                "SELECT {COLUMNS}, d.id, d.subscription, d.stream, d.lane, d.attempts,
                     d.failed_first, d.failed_last, d.error
                 FROM protean_dead_letter AS d
                 JOIN protean_message AS m ON m.position = d.position
                 JOIN protean_queue AS q ON q.id = m.queue
                 WHERE {MATCHES} ORDER BY d.id LIMIT $8"
            );
            let conditions = Conditions::of(filter);
            let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
            let mut parameters = conditions.parameters();
            parameters.push(&count_max);
            let broken = |error| failed("the list of dead letters", &error);
            let rows = client.query(&sql, &parameters).await.map_err(broken)?;
            let mut interner = Interner::default();
            let letters = rows.iter().map(|row| dead_letter(row, &mut interner));
            letters.collect::<Result<_, _>>().map_err(broken)
        })
    }

    fn count<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, port::Error>> {
        Box::pin(async move {
            let sql = format!("SELECT count(*) FROM protean_dead_letter AS d WHERE {MATCHES}");
            self.change("the count of dead letters", &sql, filter).await
        })
    }

    fn replay<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, port::Error>> {
        Box::pin(async move {
            // Set aside again, due at once: the subscription takes them from there, and each takes
            // effect once, like any message that is set aside.
            let sql = format!(
                "WITH replayed AS (DELETE FROM protean_dead_letter AS d WHERE {MATCHES}
                     RETURNING subscription, stream, position, lane, error, mirror),
                 gone AS ({}),
                 aside AS (INSERT INTO protean_parked
                     (subscription, stream, position, lane, key, due, failures, error)
                     SELECT r.subscription, r.stream, r.position, r.lane, m.key, now(), 0, r.error
                     FROM replayed AS r JOIN protean_message AS m ON m.position = r.position
                     ON CONFLICT DO NOTHING)
                 SELECT count(*) FROM replayed",
                gone("replayed")
            );
            let count = self.change("the replay", &sql, filter).await?;
            self.inner.bell.ring_out(&News::everything()).await;
            Ok(count)
        })
    }

    fn purge<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, port::Error>> {
        Box::pin(async move {
            let sql = format!(
                "WITH purged AS (DELETE FROM protean_dead_letter AS d WHERE {MATCHES}
                     RETURNING stream, lane, mirror),
                 gone AS ({})
                 SELECT count(*) FROM purged",
                gone("purged")
            );
            self.change("the purge", &sql, filter).await
        })
    }
}

impl Postgres {
    /// Runs a statement that answers with the number of dead letters it was about.
    async fn change(&self, what: &str, sql: &str, filter: &Filter) -> Result<u64, port::Error> {
        let client = self.inner.pools.lane(Lane::Primary).await?;
        let conditions = Conditions::of(filter);
        let row = client.query_one(sql, &conditions.parameters()).await;
        let count = row.and_then(|row| row.try_get(0));
        count.map(number).map_err(|error| failed(what, &error))
    }
}

fn dead_letter(row: &Row, interner: &mut Interner) -> Result<DeadLetter, Error> {
    let logged = message::read(row, interner)?;
    let at = |nth: usize| COLUMN_COUNT + nth;
    let time =
        |nth| -> Result<Timestamp, Error> { Ok(row.try_get::<_, Micros>(at(nth))?.timestamp()) };
    let (name, stream): (String, String) = (row.try_get(at(1))?, row.try_get(at(2))?);
    let attempts: i32 = row.try_get(at(4))?;
    Ok(DeadLetter {
        id: number(row.try_get(at(0))?),
        subscription: Subscription::new(name, stream),
        lane: lanes::of(row.try_get(at(3))?).unwrap_or(Lane::Primary),
        position: Position(logged.position),
        attempts: u32::try_from(attempts).unwrap_or_default(),
        failed_first: time(5)?,
        failed_last: time(6)?,
        error: row.try_get(at(7))?,
        message: Arc::new(logged.message),
    })
}
