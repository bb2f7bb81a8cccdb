//! What operators ask of backfill lanes: a row for each, and none for a lane that runs.

use protean_core::port::controls::{DOMAIN, add, kept};
use protean_core::port::{self, Controls};
use protean_core::throttle::{Rate, Throttle, Throttles};
use protean_core::{BoxFuture, Lane};

use crate::Postgres;
use crate::error::failed;
use crate::message::number;

/// All that is asked. Each part that a process takes in a subscription is a living consumer.
const THROTTLES: &str = "SELECT subscription, rate, (SELECT count(*) FROM protean_consumer)
    FROM protean_throttle";

const RUN: &str = "DELETE FROM protean_throttle WHERE subscription = $1 RETURNING rate";

/// Answers what was asked before: a statement sees nothing of what it writes.
const ASK: &str = "WITH asked AS (INSERT INTO protean_throttle (subscription, rate, updated)
        VALUES ($1, $2, now()) ON CONFLICT (subscription)
        DO UPDATE SET rate = excluded.rate, updated = excluded.updated)
    SELECT rate FROM protean_throttle WHERE subscription = $1";

impl Controls for Postgres {
    fn throttles(&self) -> BoxFuture<'_, Result<Throttles, port::Error>> {
        Box::pin(async move {
            let broken = |error| failed("the throttles", &error);
            let client = self.inner.pools.light(Lane::Primary).await?;
            let select = client.prepare_cached(THROTTLES).await.map_err(broken)?;
            let mut throttles = Throttles::default();
            for row in client.query(&select, &[]).await.map_err(broken)? {
                let name: String = row.try_get(0).map_err(broken)?;
                add(&mut throttles, name, row.try_get(1).map_err(broken)?)?;
                throttles.parts = number(row.try_get(2).map_err(broken)?);
            }
            Ok(throttles)
        })
    }

    fn throttle<'a>(
        &'a self,
        subscription: Option<&'a str>,
        throttle: Throttle,
    ) -> BoxFuture<'a, Result<Throttle, port::Error>> {
        Box::pin(async move {
            let broken = |error| failed("the throttle", &error);
            let name = subscription.unwrap_or(DOMAIN);
            let rate = throttle.rate().map(Rate::messages_per_second);
            let client = self.inner.pools.lane(Lane::Primary).await?;
            let before = match throttle {
                Throttle::Running => client.query_opt(RUN, &[&name]).await,
                Throttle::Limited(_) | Throttle::Paused => {
                    client.query_opt(ASK, &[&name, &rate]).await
                }
            };
            let Some(row) = before.map_err(broken)? else {
                return Ok(Throttle::Running);
            };
            kept(row.try_get(0).map_err(broken)?)
        })
    }
}
