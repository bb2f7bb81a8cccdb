//! The broker: subscriptions on the file.

mod ahead;
mod backlog;
mod feed;
mod listener;

pub(crate) use feed::{parse, settled};

use std::time::Duration;

use protean_core::config::CrossLaneOrder;
use protean_core::governor::Reading;
use protean_core::port::broker::{Backlog, Broker, Claim, Feed, Gauge, Listener, Subscription};
use protean_core::port::{self};
use protean_core::{BoxFuture, Lane};
use rusqlite::{Connection, params};

use crate::Sqlite;
use crate::database::Rings;
use crate::error::failed;
use crate::schema::INLINE_LANE;
use crate::writer::lane_number;

impl Broker for Sqlite {
    fn claim<'a>(
        &'a self,
        subscription: &'a Subscription,
        _order: CrossLaneOrder,
    ) -> BoxFuture<'a, Result<Option<Claim>, port::Error>> {
        Box::pin(async move {
            let feeds = feed::claim(self, subscription)?;
            if feeds.is_some() {
                self.begin(subscription).await?;
            }
            Ok(feeds.map(|feeds| feeds.map(|feed| Box::new(feed) as Box<dyn Feed>)))
        })
    }

    fn release(&self) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            self.inner.parts.given_back().await;
            Ok(())
        })
    }

    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, port::Error>> {
        Box::pin(async move {
            let listener = listener::Ears::open(self)?;
            Ok(Box::new(listener) as Box<dyn Listener>)
        })
    }

    fn reach(&self) -> BoxFuture<'_, Result<(), port::Error>> {
        let look = |connection: &Connection| {
            let sql = "SELECT value FROM protean_meta WHERE key = 'version'";
            let found = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
            found
                .map(drop)
                .map_err(|error| failed("the look at the file", &error))
        };
        Box::pin(self.readers(Lane::Primary).read(look))
    }

    fn report(&self, gauges: Vec<Gauge>) -> BoxFuture<'_, Result<(), port::Error>> {
        // On the backfill lane, since nobody's order waits for a gauge.
        let run = move |connection: &Connection| write_gauges(connection, &gauges);
        Box::pin(self.write(Lane::Backfill, Rings::Nothing, run))
    }

    fn sojourn(&self, waited: Duration) {
        self.inner.senses.sojourn(waited);
    }

    fn governor(&self) -> Reading {
        self.inner.turnstile.reading(&self.inner.senses)
    }

    fn overlap(&self, overlap_max: usize) -> usize {
        self.inner.turnstile.overlap(overlap_max)
    }

    fn rest_after_handlers(&self, used: Duration) -> Duration {
        self.inner.turnstile.rest_after_handlers(used)
    }

    fn backlogs<'a>(
        &'a self,
        subscriptions: &'a [Subscription],
    ) -> BoxFuture<'a, Result<Vec<[Backlog; 2]>, port::Error>> {
        let subscriptions = subscriptions.to_vec();
        Box::pin(self.readers(Lane::Primary).read(move |connection| {
            let moment = connection
                .unchecked_transaction()
                .map_err(|error| failed("the backlogs", &error))?;
            let now = jiff::Timestamp::now();
            let all = subscriptions.iter();
            all.map(|subscription| backlog::of(&moment, subscription, now))
                .collect()
        }))
    }
}

impl Sqlite {
    /// Makes the cursors of a subscription that it does not have, so that it begins after what was
    /// trimmed, and nothing more is before it has read it.
    async fn begin(&self, subscription: &Subscription) -> Result<(), port::Error> {
        let subscription = subscription.clone();
        let write = move |connection: &Connection| {
            let sql = "INSERT INTO protean_cursor (subscription, queue, sequence)
                SELECT ?1, q.id, COALESCE(t.sequence, 0) FROM protean_queue AS q
                LEFT JOIN protean_trimmed AS t ON t.queue = q.id
                WHERE q.stream = ?2 AND q.lane <> ?3 ON CONFLICT DO NOTHING";
            let place = params![&*subscription.name, &*subscription.stream, INLINE_LANE];
            let begun = connection.execute(sql, place);
            begun
                .map(drop)
                .map_err(|error| failed("the begin of a subscription", &error))
        };
        self.write(Lane::Primary, Rings::Nothing, write).await
    }
}

fn write_gauges(connection: &Connection, gauges: &[Gauge]) -> Result<(), port::Error> {
    let broken = |error| failed("the gauges", &error);
    let sql = "INSERT INTO protean_gauge (subscription, stream, lane, in_flight, rate, updated)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (subscription, stream, lane)
        DO UPDATE SET in_flight = excluded.in_flight, rate = excluded.rate,
            updated = excluded.updated";
    let mut upsert = connection.prepare_cached(sql).map_err(broken)?;
    let now = jiff::Timestamp::now().as_microsecond();
    for gauge in gauges {
        upsert
            .execute(params![
                &*gauge.subscription.name,
                &*gauge.subscription.stream,
                lane_number(gauge.lane),
                gauge.in_flight,
                gauge.rate_per_second,
                now,
            ])
            .map_err(broken)?;
    }
    Ok(())
}
