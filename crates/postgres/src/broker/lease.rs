//! Leases: ranges of a queue that one consumer hands out.

use std::collections::HashMap;
use std::sync::LazyLock;

use deadpool_postgres::{Client, GenericClient};
use protean_core::interner::Interner;
use protean_core::settled::Settled;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::claim::{self, Lease};
use crate::lanes;
use crate::message::{self, COLUMN_COUNT, COLUMNS, Logged, column, number};

/// The queues of a lane that have more than was handed out, most urgent first, and up to where each
/// is handed out here: a broker apart from the database has the rest.
const GROWN: &str = "SELECT q.id, LEAST(q.head, COALESCE(b.upto, $6)) FROM protean_queue AS q
    LEFT JOIN unnest($4::bigint[], $5::bigint[]) AS b(queue, upto) ON b.queue = q.id
    LEFT JOIN protean_handout AS h ON h.queue = q.id AND h.subscription = $1
    LEFT JOIN protean_cursor AS c ON c.queue = q.id AND c.subscription = $1
    WHERE q.stream = $2 AND q.lane = $3 AND LEAST(q.head, COALESCE(b.upto, $6))
        > GREATEST(COALESCE(h.handed, 0), COALESCE(c.sequence, 0))
    ORDER BY q.band";

/// Makes the record of what is handed out of a queue.
const START: &str = "INSERT INTO protean_handout (subscription, queue, handed)
    SELECT $1, $2, COALESCE((SELECT sequence FROM protean_cursor
        WHERE subscription = $1 AND queue = $2), 0) ON CONFLICT DO NOTHING";

/// A lease that nobody owns any more, also one that a consumer took after it was declared dead; or
/// one of its own that a consumer does not know of, since a connection broke before it was told.
const ADOPT: &str = "UPDATE protean_lease SET owner = $4 WHERE id = (
        SELECT l.id FROM protean_lease AS l JOIN protean_queue AS q ON q.id = l.queue
        WHERE l.subscription = $1 AND q.stream = $2 AND q.lane = ANY($3::smallint[])
            AND (l.owner IS NULL OR l.id <> ALL($5::bigint[]) AND (l.owner = $4
                OR NOT EXISTS (SELECT 1 FROM protean_consumer AS c WHERE c.id = l.owner)))
        ORDER BY l.id LIMIT 1 FOR UPDATE OF l SKIP LOCKED)
    RETURNING id, queue, first, last, owner";

/// Gives leases back. Numbers of leases may be given anew by a database that crashed, and a lease may
/// have another owner by now.
const RELEASE: &str = "DELETE FROM protean_lease WHERE id = ANY($1::bigint[]) AND owner = $2";

/// Takes the next messages of a queue under a new lease: number of the lease, position of the
/// subscription, and the message.
///
/// Those of a lease are looked for by themselves, within its bounds: of tables that are new when it is
/// planned, a join would read the queue from its beginning for every lease.
static TAKE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH before AS (
            SELECT GREATEST(handed, COALESCE((SELECT sequence FROM protean_cursor
                WHERE subscription = $1 AND queue = $2), 0)) AS handed
            FROM protean_handout WHERE subscription = $1 AND queue = $2 FOR UPDATE
        ), taken AS (
            UPDATE protean_handout AS h SET handed = LEAST(b.handed + $3, q.head, $5)
            FROM before AS b, protean_queue AS q
            WHERE h.subscription = $1 AND h.queue = $2 AND q.id = $2
                AND LEAST(q.head, $5) > b.handed
            RETURNING b.handed + 1 AS first, h.handed AS last
        ), lease AS (
            INSERT INTO protean_lease (subscription, queue, first, last, owner)
            SELECT $1, $2, first, last, $4 FROM taken RETURNING id, first, last
        )
        SELECT {COLUMNS}, l.id, c.sequence, c.ahead
        FROM lease AS l
        CROSS JOIN LATERAL (
            SELECT * FROM protean_message
            WHERE queue = $2 AND sequence >= l.first AND sequence <= l.last
            ORDER BY sequence LIMIT $3
        ) AS m
        JOIN protean_queue AS q ON q.id = $2
        LEFT JOIN protean_cursor AS c ON c.subscription = $1 AND c.queue = $2
        ORDER BY m.sequence"
    )
});

/// The same when it is known up to where the queue is handed out, and nothing is settled beyond that;
/// nothing otherwise. It takes PostgreSQL a third less. For any connection: a crash of the database
/// may undo it, so nobody waits for the disk.
static TAKE_AFTER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH taken AS (
            UPDATE protean_handout AS h SET handed = LEAST($5::bigint + $3::bigint, q.head)
            FROM protean_queue AS q
            WHERE h.subscription = $1 AND h.queue = $2 AND h.handed = $5 AND q.id = $2
                AND q.head > $5 AND NOT EXISTS (SELECT FROM protean_cursor AS c
                    WHERE c.subscription = $1 AND c.queue = $2
                        AND (c.sequence > $5 OR c.ahead <> ''))
            RETURNING h.handed AS last
        ), lease AS (
            INSERT INTO protean_lease (subscription, queue, first, last, owner)
            SELECT $1, $2, $5::bigint + 1, last, $4 FROM taken RETURNING id, last
        )
        SELECT {COLUMNS}, l.id, $5::bigint, '', set_config('synchronous_commit', 'off', true)
        FROM lease AS l CROSS JOIN (SELECT $6::text AS stream, $7::smallint AS lane) AS q
        CROSS JOIN LATERAL (
            SELECT * FROM protean_message
            WHERE queue = $2 AND sequence > $5 AND sequence <= l.last
            ORDER BY sequence LIMIT $3
        ) AS m
        ORDER BY m.sequence"
    )
});

/// The messages of a range that was taken over.
static RANGE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS}, $5::bigint, c.sequence, c.ahead
        FROM protean_message AS m JOIN protean_queue AS q ON q.id = m.queue
        LEFT JOIN protean_cursor AS c ON c.subscription = $1 AND c.queue = $2
        WHERE m.queue = $2 AND m.sequence BETWEEN $3 AND $4 ORDER BY m.sequence"
    )
});

/// Messages under a lease, and what the subscription has settled of their queue.
#[derive(Debug, Default)]
pub(super) struct Leased {
    pub(super) lease: i64,
    pub(super) settled: Settled,
    pub(super) messages: Vec<Logged>,
    /// How many messages were taken, those among them that were left out.
    pub(super) taken: usize,
}

impl Leased {
    /// The number of the last message that was taken.
    pub(super) fn last(&self) -> Option<i64> {
        self.messages.last().map(|one| column(one.sequence))
    }

    /// Leaves out what is under other leases.
    pub(super) fn leave(&mut self, others: &[Lease]) {
        self.messages
            .retain(|one| claim::covering(others, (one.queue, one.sequence)).is_none());
    }
}

/// Whose leases they are.
#[derive(Clone, Copy)]
pub(super) struct Party<'p> {
    pub(super) subscription: &'p str,
    pub(super) stream: &'p str,
    pub(super) lane: i16,
    pub(super) owner: i64,
}

/// Up to where queues are handed out from the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// To their end.
    None,
    /// Some up to a number, by their ids; the others not at all.
    Upto(HashMap<u64, u64>),
}

impl Bounds {
    /// Whether a message of a queue is handed out from the database.
    pub(super) fn contains(&self, queue: u64, sequence: u64) -> bool {
        match self {
            Self::None => true,
            Self::Upto(known) => known.get(&queue).is_some_and(|upto| sequence <= *upto),
        }
    }
}

/// The queues of the lane that have something to hand out, each with up to where.
pub(super) async fn grown(
    client: &Client,
    party: Party<'_>,
    bounds: &Bounds,
) -> Result<Vec<(i64, i64)>, Error> {
    let (mut queues, mut uptos, mut otherwise) = (Vec::new(), Vec::new(), 0);
    match bounds {
        Bounds::None => otherwise = i64::MAX,
        Bounds::Upto(known) => {
            for (queue, upto) in known {
                queues.push(column(*queue));
                uptos.push(column(*upto));
            }
        }
    }
    let select = client.prepare_cached(GROWN).await?;
    let rows = client
        .query(
            &select,
            &[
                &party.subscription,
                &party.stream,
                &party.lane,
                &queues,
                &uptos,
                &otherwise,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

/// Makes sure that what is handed out of a queue is recorded.
pub(super) async fn start(client: &Client, party: Party<'_>, queue: i64) -> Result<(), Error> {
    let start = client.prepare_cached(START).await?;
    client
        .execute(&start, &[&party.subscription, &queue])
        .await
        .map(drop)
}

/// Takes the next messages of a queue, at most `count_max`, up to a number.
pub(super) async fn take(
    client: &impl GenericClient,
    party: Party<'_>,
    queue: i64,
    (count_max, upto): (usize, i64),
    interner: &mut Interner,
) -> Result<Leased, Error> {
    let take = client.prepare_cached(&TAKE).await?;
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    let rows = client
        .query(
            &take,
            &[&party.subscription, &queue, &count_max, &party.owner, &upto],
        )
        .await?;
    leased(&rows, interner)
}

/// Takes the next messages of a queue, at most `count_max`, that is handed out up to `handed` and not
/// settled beyond that; none if that is not so, or there are none.
pub(super) async fn take_after(
    client: &Client,
    party: Party<'_>,
    (queue, handed): (i64, i64),
    count_max: usize,
    interner: &mut Interner,
) -> Result<Leased, Error> {
    let take = client.prepare_cached(&TAKE_AFTER).await?;
    let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &party.subscription,
        &queue,
        &count_max,
        &party.owner,
        &handed,
        &party.stream,
        &party.lane,
    ];
    leased(&client.query(&take, &parameters).await?, interner)
}

/// Takes over a lease of somebody who is gone, or of its own that is not among those it knows;
/// `None` when there is none.
pub(super) async fn adopt(
    client: &Client,
    party: Party<'_>,
    known: &[i64],
) -> Result<Option<Lease>, Error> {
    let adopt = client.prepare_cached(ADOPT).await?;
    let lanes = [party.lane, party.lane + lanes::TAKEN_IN];
    let found = client
        .query_opt(
            &adopt,
            &[
                &party.subscription,
                &party.stream,
                &&lanes[..],
                &party.owner,
                &known,
            ],
        )
        .await?;
    found.as_ref().map(claim::read).transpose()
}

/// The messages of a lease.
pub(super) async fn messages(
    client: &Client,
    party: Party<'_>,
    lease: &Lease,
    interner: &mut Interner,
) -> Result<Leased, Error> {
    let range = client.prepare_cached(&RANGE).await?;
    let (queue, first, last) = (lease.queue, lease.first, lease.last);
    let rows = client
        .query(
            &range,
            &[
                &party.subscription,
                &column(queue),
                &column(first),
                &column(last),
                &lease.id,
            ],
        )
        .await?;
    let mut leased = leased(&rows, interner)?;
    leased.lease = lease.id;
    Ok(leased)
}

/// Gives leases of an owner back.
pub(super) async fn release(client: &Client, owner: i64, leases: &[i64]) -> Result<(), Error> {
    let release = client.prepare_cached(RELEASE).await?;
    client.execute(&release, &[&leases, &owner]).await.map(drop)
}

fn leased(rows: &[Row], interner: &mut Interner) -> Result<Leased, Error> {
    let mut leased = Leased::default();
    if let Some(first) = rows.first() {
        leased.lease = first.try_get(COLUMN_COUNT)?;
        leased.settled = settled(first, COLUMN_COUNT + 1)?;
    }
    leased.taken = rows.len();
    leased.messages.reserve(rows.len());
    for row in rows {
        leased.messages.push(message::read(row, interner)?);
    }
    Ok(leased)
}

/// What two columns of a cursor, which may be missing, say.
pub(crate) fn settled(row: &Row, at: usize) -> Result<Settled, Error> {
    let upto: Option<i64> = row.try_get(at)?;
    let ahead: Option<&str> = row.try_get(at + 1)?;
    let upto = upto.map(number).unwrap_or_default();
    let parsed = Settled::parse(upto, ahead.unwrap_or_default());
    Ok(parsed.unwrap_or_else(|error| {
        tracing::error!(%error, "a cursor cannot be read; what it had ahead is handed out again");
        Settled::parse(upto, "").unwrap_or_default()
    }))
}
