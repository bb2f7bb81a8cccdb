//! Taking single messages and short ranges out of queues, beside those who take the next ones (L8).
//!
//! Where ranges overlap, the older lease has what they share: it was there when the younger one was
//! taken around it.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use protean_core::interner::Interner;
use protean_core::settled::Settled;
use tokio_postgres::Error;

use super::lease::{Party, settled};
use crate::message::{self, COLUMNS, Logged, column, number};

/// Makes the records of what is handed out of some queues.
const START: &str = "INSERT INTO protean_handout (subscription, queue, handed)
    SELECT $1, u.queue, COALESCE(c.sequence, 0) FROM unnest($2::bigint[]) AS u(queue)
    LEFT JOIN protean_cursor AS c ON c.subscription = $1 AND c.queue = u.queue
    ORDER BY u.queue ON CONFLICT DO NOTHING";

/// Whoever takes messages of a queue waits, in an order that everybody keeps.
const LOCK: &str = "SELECT queue FROM protean_handout
    WHERE subscription = $1 AND queue = ANY($2::bigint[]) ORDER BY queue FOR UPDATE";

const LEASES: &str = "SELECT id, queue, first, last, owner FROM protean_lease
    WHERE subscription = $1 AND queue = ANY($2::bigint[])";

const ADOPT: &str = "UPDATE protean_lease SET owner = $1
    WHERE id = ANY($2::bigint[]) AND owner IS NULL RETURNING id";

const LEASE: &str = "INSERT INTO protean_lease (subscription, queue, first, last, owner)
    SELECT $1, u.queue, u.first, u.last, $2
    FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS u(queue, first, last)
    RETURNING id, queue, first, last, owner";

const CURSORS: &str = "SELECT sequence, ahead, queue FROM protean_cursor
    WHERE subscription = $1 AND queue = ANY($2::bigint[])";

/// A range of a queue that somebody hands out.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) id: i64,
    pub(super) queue: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    /// `None` when its owner is gone.
    pub(super) owner: Option<i64>,
}

impl Lease {
    pub(super) fn covers(&self, (queue, sequence): (u64, u64)) -> bool {
        self.queue == queue && (self.first..=self.last).contains(&sequence)
    }
}

/// The lease that has a message.
pub(super) fn covering(leases: &[Lease], place: (u64, u64)) -> Option<&Lease> {
    let covering = leases.iter().filter(|lease| lease.covers(place));
    covering.min_by_key(|lease| lease.id)
}

/// The ranges that some places make: queues, and their first and last numbers.
pub(super) fn ranges(mut places: Vec<(u64, u64)>) -> Vec<(u64, u64, u64)> {
    places.sort_unstable();
    let mut ranges: Vec<(u64, u64, u64)> = Vec::new();
    for (queue, sequence) in places {
        match ranges.last_mut() {
            Some((of, _, last)) if *of == queue && *last + 1 == sequence => *last = sequence,
            _ => ranges.push((queue, sequence, sequence)),
        }
    }
    ranges
}

/// Keeps everybody else from taking messages of some queues, until the transaction ends.
pub(super) async fn lock(
    client: &impl GenericClient,
    party: Party<'_>,
    queues: &[i64],
) -> Result<(), Error> {
    let start = client.prepare_cached(START).await?;
    let lock = client.prepare_cached(LOCK).await?;
    client
        .execute(&start, &[&party.subscription, &queues])
        .await?;
    let locked = client.query(&lock, &[&party.subscription, &queues]).await;
    locked.map(drop)
}

/// The leases of some queues, whoever has them.
pub(super) async fn leases(
    client: &impl GenericClient,
    party: Party<'_>,
    queues: &[i64],
) -> Result<Vec<Lease>, Error> {
    let select = client.prepare_cached(LEASES).await?;
    let rows = client
        .query(&select, &[&party.subscription, &queues])
        .await?;
    rows.iter().map(read).collect()
}

/// Takes over leases that nobody owns any more; says which.
pub(super) async fn adopt(
    client: &impl GenericClient,
    party: Party<'_>,
    leases: &[i64],
) -> Result<Vec<i64>, Error> {
    let update = client.prepare_cached(ADOPT).await?;
    let rows = client.query(&update, &[&party.owner, &leases]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Leases ranges: queues, and their first and last numbers. The queues have to be locked.
pub(super) async fn lease(
    client: &impl GenericClient,
    party: Party<'_>,
    ranges: &[(u64, u64, u64)],
) -> Result<Vec<Lease>, Error> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let queues: Vec<i64> = ranges.iter().map(|range| column(range.0)).collect();
    let firsts: Vec<i64> = ranges.iter().map(|range| column(range.1)).collect();
    let lasts: Vec<i64> = ranges.iter().map(|range| column(range.2)).collect();
    let insert = client.prepare_cached(LEASE).await?;
    let rows = client
        .query(
            &insert,
            &[&party.subscription, &party.owner, &queues, &firsts, &lasts],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// What is settled of some queues.
pub(super) async fn cursors(
    client: &impl GenericClient,
    party: Party<'_>,
    queues: &[i64],
) -> Result<HashMap<u64, Settled>, Error> {
    let select = client.prepare_cached(CURSORS).await?;
    let rows = client
        .query(&select, &[&party.subscription, &queues])
        .await?;
    let known = rows
        .iter()
        .map(|row| Ok((number(row.try_get(2)?), settled(row, 0)?)));
    known.collect()
}

/// The messages in some places, in this order.
pub(super) async fn messages(
    client: &impl GenericClient,
    places: &[(u64, u64)],
) -> Result<Vec<Logged>, Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY
             AS u(queue, sequence, nth)
         JOIN protean_message AS m ON m.queue = u.queue AND m.sequence = u.sequence
         JOIN protean_queue AS q ON q.id = m.queue ORDER BY u.nth"
    );
    let (queues, sequences): (Vec<i64>, Vec<i64>) = places
        .iter()
        .map(|(queue, sequence)| (column(*queue), column(*sequence)))
        .unzip();
    let select = client.prepare_cached(&sql).await?;
    let rows = client.query(&select, &[&queues, &sequences]).await?;
    let mut interner = Interner::default();
    rows.iter()
        .map(|row| message::read(row, &mut interner))
        .collect()
}

/// A lease, in a row of its columns.
pub(super) fn read(row: &tokio_postgres::Row) -> Result<Lease, Error> {
    Ok(Lease {
        id: row.try_get(0)?,
        queue: number(row.try_get(1)?),
        first: number(row.try_get(2)?),
        last: number(row.try_get(3)?),
        owner: row.try_get(4)?,
    })
}
