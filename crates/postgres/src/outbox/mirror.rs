//! Copies of dead letters, which a broker keeps where other frameworks look for them.
//!
//! The dead letters themselves are here. A copy that is made twice, by a relay that died in between,
//! misleads nobody: it names its letter.

use protean_core::interner::Interner;
use protean_core::{Lane, port};
use tokio_postgres::Row;

use super::Outbox;
use crate::error::failed;
use crate::lanes;
use crate::message::{self, COLUMN_COUNT, COLUMNS, Logged, column, number};
use crate::value::Micros;

/// A dead letter that has no copy yet.
#[derive(Clone, Debug)]
pub struct Unmirrored {
    /// Its number.
    pub id: u64,
    /// The handler that gave it up.
    pub subscription: String,
    /// The stream it came on.
    pub stream: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed last.
    pub failed_last: jiff::Timestamp,
    /// What the last failure said.
    pub error: String,
    /// The message.
    pub logged: Logged,
}

/// A copy whose letter is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its number.
    pub id: u64,
    /// The stream of the letter.
    pub stream: String,
    /// The broker's name for the copy.
    pub mirror: String,
}

impl Outbox {
    /// Dead letters of a lane that have no copy yet, at most `count_max`.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn unmirrored(
        &self,
        lane: Lane,
        count_max: usize,
    ) -> Result<Vec<Unmirrored>, port::Error> {
        let sql = format!(
            "SELECT {COLUMNS}, d.id, d.subscription, d.stream, d.attempts, d.failed_last, d.error
             FROM protean_dead_letter AS d JOIN protean_message AS m ON m.position = d.position
             JOIN protean_queue AS q ON q.id = m.queue
             WHERE d.lane = $1 AND d.mirror IS NULL ORDER BY d.id LIMIT $2"
        );
        let broken = |error| failed("the dead letters without a copy", &error);
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let client = self.database.inner.pools.light(lane).await?;
        let select = client.prepare_cached(&sql).await.map_err(broken)?;
        let rows = client
            .query(&select, &[&lanes::number(lane), &count_max])
            .await
            .map_err(broken)?;
        let mut interner = Interner::default();
        let read = rows.iter().map(|row| unmirrored(row, &mut interner));
        read.collect::<Result<_, _>>().map_err(broken)
    }

    /// Writes down which copy a dead letter has.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn mirrored(&self, lane: Lane, id: u64, mirror: &str) -> Result<(), port::Error> {
        let sql = "UPDATE protean_dead_letter SET mirror = $2 WHERE id = $1";
        let client = self.database.inner.pools.light(lane).await?;
        let written = client.execute(sql, &[&column(id), &mirror]).await;
        written
            .map(drop)
            .map_err(|error| failed("the copy of a dead letter", &error))
    }

    /// Copies of a lane that have to be removed, at most `count_max`.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn gone(&self, lane: Lane, count_max: usize) -> Result<Vec<Gone>, port::Error> {
        let broken = |error| failed("the copies that are to be removed", &error);
        let sql = "SELECT id, stream, mirror FROM protean_mirror_gone WHERE lane = $1
            ORDER BY id LIMIT $2";
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let client = self.database.inner.pools.light(lane).await?;
        let select = client.prepare_cached(sql).await.map_err(broken)?;
        let rows = client
            .query(&select, &[&lanes::number(lane), &count_max])
            .await
            .map_err(broken)?;
        let gone = |row: &Row| {
            Ok(Gone {
                id: number(row.try_get(0)?),
                stream: row.try_get(1)?,
                mirror: row.try_get(2)?,
            })
        };
        rows.iter()
            .map(gone)
            .collect::<Result<_, _>>()
            .map_err(broken)
    }

    /// A copy was removed.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn removed(&self, lane: Lane, gone: &Gone) -> Result<(), port::Error> {
        let sql = "DELETE FROM protean_mirror_gone WHERE id = $1";
        let client = self.database.inner.pools.light(lane).await?;
        let deleted = client.execute(sql, &[&column(gone.id)]).await;
        deleted
            .map(drop)
            .map_err(|error| failed("the removal of a copy", &error))
    }
}

fn unmirrored(row: &Row, interner: &mut Interner) -> Result<Unmirrored, tokio_postgres::Error> {
    let at = |nth: usize| COLUMN_COUNT + nth;
    let attempts: i32 = row.try_get(at(3))?;
    Ok(Unmirrored {
        id: number(row.try_get(at(0))?),
        subscription: row.try_get(at(1))?,
        stream: row.try_get(at(2))?,
        attempts: u32::try_from(attempts).unwrap_or_default(),
        failed_last: row.try_get::<_, Micros>(at(4))?.timestamp(),
        error: row.try_get(at(5))?,
        logged: message::read(row, interner)?,
    })
}
