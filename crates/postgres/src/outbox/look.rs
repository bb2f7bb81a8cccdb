//! What a relay asks again and again: where the queues of a lane end, and what follows on what it has
//! published, in one question. Whoever waits for a message waits for every answer before it.

use std::sync::LazyLock;

use protean_core::interner::Interner;
use protean_core::lane::Band;
use protean_core::{Lane, port};
use tokio_postgres::{Error, Row};

use super::{Outbox, Queue};
use crate::error::failed;
use crate::lanes;
use crate::message::{self, COLUMN_COUNT, COLUMNS, Logged, column, number};

/// What is wanted of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The queue's id.
    pub queue: u64,
    /// The number after which messages are wanted.
    pub after: u64,
    /// How many at most.
    pub count_max: usize,
}

/// A queue, and what was wanted of it.
#[derive(Clone, Debug)]
pub struct Look {
    /// The queue.
    pub queue: Queue,
    /// Its messages that were wanted, in order.
    pub messages: Vec<Logged>,
}

/// Messages are looked for only where a queue goes on behind what is wanted.
static LOOK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS}, q.id, q.stream, q.band, q.head, COALESCE(r.sequence, 0)
         FROM protean_queue AS q LEFT JOIN protean_relay AS r ON r.queue = q.id
         LEFT JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS w(queue, after, count_max)
             ON w.queue = q.id AND w.after < q.head
         LEFT JOIN LATERAL (
             SELECT * FROM protean_message WHERE queue = w.queue AND sequence > w.after
             ORDER BY sequence LIMIT w.count_max
         ) AS m ON true
         WHERE q.lane = $1 ORDER BY q.band, q.id, m.sequence"
    )
});

impl Outbox {
    /// The queues of a lane, most urgent first, each with what is wanted of it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn look(&self, lane: Lane, wanted: &[Wanted]) -> Result<Vec<Look>, port::Error> {
        let broken = |error| failed("the look at the outbox", &error);
        let column_of = |of: fn(&Wanted) -> i64| wanted.iter().map(of).collect::<Vec<_>>();
        let queues = column_of(|one| column(one.queue));
        let after = column_of(|one| column(one.after));
        let count_max = column_of(|one| i64::try_from(one.count_max).unwrap_or(i64::MAX));
        let client = self.database.inner.pools.light(lane).await?;
        let select = client.prepare_cached(&LOOK).await.map_err(broken)?;
        let lane = lanes::number(lane);
        let rows = client
            .query(&select, &[&lane, &queues, &after, &count_max])
            .await
            .map_err(broken)?;
        gather(&rows).map_err(broken)
    }
}

fn gather(rows: &[Row]) -> Result<Vec<Look>, Error> {
    let mut interner = Interner::default();
    let mut looks: Vec<Look> = Vec::new();
    for row in rows {
        let queue = queue(row)?;
        if looks.last().is_none_or(|last| last.queue.id != queue.id) {
            let messages = Vec::new();
            looks.push(Look { queue, messages });
        }
        let position: Option<i64> = row.try_get(0)?;
        if let (Some(look), Some(_)) = (looks.last_mut(), position) {
            look.messages.push(message::read(row, &mut interner)?);
        }
    }
    Ok(looks)
}

fn queue(row: &Row) -> Result<Queue, Error> {
    let at = |nth: usize| COLUMN_COUNT + nth;
    let band: i16 = row.try_get(at(2))?;
    Ok(Queue {
        id: number(row.try_get(at(0))?),
        stream: row.try_get(at(1))?,
        band: usize::try_from(band).unwrap_or(Band::COUNT),
        head: number(row.try_get(at(3))?),
        mark: number(row.try_get(at(4))?),
    })
}
