//! What operators ask of backfill lanes: a row for each, and none for a lane that runs.

use protean_core::port::controls::{DOMAIN, add, kept};
use protean_core::port::{self, Controls};
use protean_core::throttle::{Rate, Throttle, Throttles};
use protean_core::{BoxFuture, Lane};
use rusqlite::{Connection, OptionalExtension, params};

use crate::Sqlite;
use crate::database::Rings;
use crate::error::failed;

impl Controls for Sqlite {
    fn throttles(&self) -> BoxFuture<'_, Result<Throttles, port::Error>> {
        Box::pin(self.readers(Lane::Primary).read(read))
    }

    fn throttle<'a>(
        &'a self,
        subscription: Option<&'a str>,
        throttle: Throttle,
    ) -> BoxFuture<'a, Result<Throttle, port::Error>> {
        let name = subscription.unwrap_or(DOMAIN).to_owned();
        let ask = move |connection: &Connection| ask(connection, &name, throttle);
        // Engines look by themselves.
        Box::pin(self.write(Lane::Primary, Rings::Nothing, ask))
    }
}

fn read(connection: &Connection) -> Result<Throttles, port::Error> {
    let broken = |error| failed("the throttles", &error);
    let sql = "SELECT subscription, rate FROM protean_throttle";
    let mut select = connection.prepare_cached(sql).map_err(broken)?;
    let mut rows = select.query([]).map_err(broken)?;
    let mut throttles = Throttles::default();
    while let Some(row) = rows.next().map_err(broken)? {
        let name: String = row.get(0).map_err(broken)?;
        add(&mut throttles, name, row.get(1).map_err(broken)?)?;
    }
    Ok(throttles)
}

fn ask(connection: &Connection, name: &str, throttle: Throttle) -> Result<Throttle, port::Error> {
    let broken = |error| failed("the throttle", &error);
    let before: Option<Option<f64>> = connection
        .prepare_cached("SELECT rate FROM protean_throttle WHERE subscription = ?1")
        .map_err(broken)?
        .query_row([name], |row| row.get(0))
        .optional()
        .map_err(broken)?;
    if throttle == Throttle::Running {
        let sql = "DELETE FROM protean_throttle WHERE subscription = ?1";
        connection.execute(sql, [name]).map_err(broken)?;
    } else {
        let sql = "INSERT INTO protean_throttle (subscription, rate, updated) VALUES (?1, ?2, ?3)
            ON CONFLICT (subscription)
            DO UPDATE SET rate = excluded.rate, updated = excluded.updated";
        let rate = throttle.rate().map(Rate::messages_per_second);
        let now = jiff::Timestamp::now().as_microsecond();
        connection
            .execute(sql, params![name, rate, now])
            .map_err(broken)?;
    }
    before.map_or(Ok(Throttle::Running), kept)
}
