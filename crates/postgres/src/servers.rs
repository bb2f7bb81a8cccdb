//! The servers that are alive: a row for each, which it touches once a second.

use std::time::Duration;

use protean_core::port::servers::{Alive, SILENCE_MAX, Server, from_text, to_text};
use protean_core::port::{self, Servers};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::Postgres;
use crate::error::failed;
use crate::value::Micros;

/// Touches the row of a server, and removes those of the dead, but none that somebody else is just
/// removing.
const TELL: &str = "WITH dead AS (SELECT id FROM protean_server
        WHERE seen < now() - make_interval(secs => $4) FOR UPDATE SKIP LOCKED),
    removed AS (DELETE FROM protean_server WHERE id IN (SELECT id FROM dead) AND id <> $1)
    INSERT INTO protean_server (id, started, seen, told) VALUES ($1, $2, now(), $3)
    ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, told = excluded.told";

const LEAVE: &str = "DELETE FROM protean_server WHERE id = $1";

/// How long ago a server told is the database's to say: machines differ in their clocks.
const ALIVE: &str = "SELECT told, (extract(epoch FROM now() - seen) * 1000000)::bigint
    FROM protean_server WHERE seen >= now() - make_interval(secs => $1) ORDER BY started, id";

impl Servers for Postgres {
    fn tell<'a>(&'a self, server: &'a Server) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            let broken = |error| failed("a server's sign of life", &error);
            let client = self.inner.pools.light(Lane::Primary).await?;
            let tell = client.prepare_cached(TELL).await.map_err(broken)?;
            let (started, told) = (Micros::of(server.started), to_text(server));
            let silence = SILENCE_MAX.as_secs_f64();
            client
                .execute(&tell, &[&server.id, &started, &told, &silence])
                .await
                .map(drop)
                .map_err(broken)
        })
    }

    fn leave(&self, id: Uuid) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.light(Lane::Primary).await?;
            let left = client.execute(LEAVE, &[&id]).await;
            left.map(drop)
                .map_err(|error| failed("a server's goodbye", &error))
        })
    }

    fn alive(&self) -> BoxFuture<'_, Result<Vec<Alive>, port::Error>> {
        Box::pin(async move {
            let broken = |error| failed("the servers", &error);
            let client = self.inner.pools.light(Lane::Primary).await?;
            let select = client.prepare_cached(ALIVE).await.map_err(broken)?;
            let rows = client.query(&select, &[&SILENCE_MAX.as_secs_f64()]).await;
            let rows = rows.map_err(broken)?;
            let read = rows.iter().filter_map(|row| read(row).transpose());
            read.collect::<Result<_, _>>().map_err(broken)
        })
    }
}

fn read(row: &Row) -> Result<Option<Alive>, Error> {
    let micros: i64 = row.try_get(1)?;
    let seen = Duration::from_micros(u64::try_from(micros).unwrap_or_default());
    Ok(from_text(row.try_get(0)?, seen))
}
