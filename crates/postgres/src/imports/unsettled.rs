//! What is left of an import in queues and aside.

use deadpool_postgres::{Client, GenericClient};
use protean_core::Lane;
use protean_core::port::broker::{Place, Subscription};
use protean_core::port::imports::{Trail, Unsettled, correlation_prefix};
use protean_core::port::store::Position;
use protean_core::settled::Settled;
use tokio_postgres::Error;

use crate::broker::settled;
use crate::lanes;
use crate::message::{column, number};

/// Whether a message is a command of an import itself, with the prefix of its correlation ids in
/// `$1`: what it caused has a cause.
const OWN: &str = "NOT m.event AND m.causation_id IS NULL AND starts_with(m.correlation_id, $1)";

const QUEUES: &str = "SELECT q.id, q.lane, c.sequence, c.ahead FROM protean_queue AS q
    LEFT JOIN protean_cursor AS c ON c.queue = q.id AND c.subscription = $1
    WHERE q.stream = $2 AND q.lane = ANY($3::smallint[]) ORDER BY q.id";

/// How many messages of a queue are looked at in one go: a bound on the time of a query.
const LOOK_COUNT: i64 = 10_000;

/// A queue of a lane, as a subscription has settled it.
struct Queue {
    id: i64,
    lane: Lane,
    settled: Settled,
}

async fn queues(
    client: &impl GenericClient,
    subscription: &Subscription,
) -> Result<Vec<Queue>, Error> {
    let select = client.prepare_cached(QUEUES).await?;
    let lanes = Lane::ALL.map(lanes::number);
    let rows = client
        .query(
            &select,
            &[&&*subscription.name, &&*subscription.stream, &&lanes[..]],
        )
        .await?;
    let queue = |row: &tokio_postgres::Row| {
        Ok(Queue {
            id: row.try_get(0)?,
            lane: lanes::of(row.try_get(1)?).unwrap_or(Lane::Primary),
            settled: settled(row, 2)?,
        })
    };
    rows.iter().map(queue).collect()
}

pub(super) async fn queued(
    client: &impl GenericClient,
    subscription: &Subscription,
    name: &str,
    after: Option<Place>,
    count_max: usize,
) -> Result<Vec<Unsettled>, Error> {
    let (first, upto) = match after {
        Some(Place::Queue { queue, sequence }) => (column(queue), sequence),
        Some(Place::Parked) | None => (0, 0),
    };
    let prefix = correlation_prefix(name);
    let mut found = Vec::new();
    for queue in queues(client, subscription).await? {
        if queue.id < first {
            continue;
        }
        let after = if queue.id == first { upto } else { 0 };
        look(client, &queue, (&prefix, after), count_max, &mut found).await?;
    }
    Ok(found)
}

/// Looks through a queue after a number.
async fn look(
    client: &impl GenericClient,
    queue: &Queue,
    (prefix, after): (&str, u64),
    count_max: usize,
    found: &mut Vec<Unsettled>,
) -> Result<(), Error> {
    let sql = format!(
        "SELECT m.sequence, m.position, {OWN} FROM protean_message AS m
         WHERE m.queue = $2 AND m.sequence > $3 ORDER BY m.sequence LIMIT $4"
    );
    let select = client.prepare_cached(&sql).await?;
    let mut after = after.max(queue.settled.upto());
    while found.len() < count_max {
        let rows = client
            .query(&select, &[&prefix, &queue.id, &column(after), &LOOK_COUNT])
            .await?;
        for row in &rows {
            let sequence = number(row.try_get(0)?);
            after = sequence;
            if row.try_get(2)? && !queue.settled.contains(sequence) {
                found.push(Unsettled {
                    lane: queue.lane,
                    place: Place::Queue {
                        queue: number(queue.id),
                        sequence,
                    },
                    position: Position(number(row.try_get(1)?)),
                });
            }
            if found.len() == count_max {
                return Ok(());
            }
        }
        if rows.is_empty() {
            break;
        }
    }
    Ok(())
}

pub(super) async fn parked(
    client: &impl GenericClient,
    subscription: &Subscription,
    name: &str,
    count_max: i64,
) -> Result<Vec<Unsettled>, Error> {
    let sql = format!(
        "SELECT p.position, p.lane FROM protean_parked AS p
         JOIN protean_message AS m ON m.position = p.position
         WHERE p.subscription = $2 AND p.stream = $3 AND {OWN} ORDER BY p.position LIMIT $4"
    );
    let rows = client
        .query(
            &sql,
            &[
                &correlation_prefix(name),
                &&*subscription.name,
                &&*subscription.stream,
                &count_max,
            ],
        )
        .await?;
    let one = |row: &tokio_postgres::Row| {
        Ok(Unsettled {
            lane: lanes::of(row.try_get(1)?).unwrap_or(Lane::Primary),
            place: Place::Parked,
            position: Position(number(row.try_get(0)?)),
        })
    };
    rows.iter().map(one).collect()
}

pub(super) async fn trail(
    client: &mut Client,
    subscriptions: &[Subscription],
    name: &str,
    upto: Position,
) -> Result<Trail, Error> {
    // One moment: what was settled and what that published are seen together or not at all.
    let moment = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let prefix = correlation_prefix(name);
    let mut is_settled = true;
    for subscription in subscriptions {
        is_settled = is_settled
            && queues_are_past(&moment, subscription, upto).await?
            && nothing_is_aside(&moment, subscription, &prefix).await?;
    }
    let beyond = match is_settled {
        true => beyond(&moment, &prefix, upto).await?,
        false => None,
    };
    moment.commit().await?;
    Ok(Trail { is_settled, beyond })
}

/// The position of the last message after another one. Looked for from the end: there it is found
/// soon, and nearly all before it need no look.
async fn beyond(
    client: &impl GenericClient,
    prefix: &str,
    upto: Position,
) -> Result<Option<Position>, Error> {
    let sql = "SELECT position FROM protean_message
        WHERE position > $2 AND starts_with(correlation_id, $1) ORDER BY position DESC LIMIT 1";
    let found = client.query_opt(sql, &[&prefix, &column(upto.0)]).await?;
    let position = found.map(|row| row.try_get(0).map(number)).transpose()?;
    Ok(position.map(Position))
}

/// Whether the first message of each queue that is not settled was published after a position.
async fn queues_are_past(
    client: &impl GenericClient,
    subscription: &Subscription,
    upto: Position,
) -> Result<bool, Error> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM unnest($1::bigint[], $2::bigint[]) AS u(queue, sequence)
        JOIN protean_message AS m ON m.queue = u.queue AND m.sequence = u.sequence
        WHERE m.position <= $3)";
    let (ids, nexts): (Vec<i64>, Vec<i64>) = queues(client, subscription)
        .await?
        .iter()
        .map(|queue| (queue.id, column(queue.settled.upto() + 1)))
        .unzip();
    let select = client.prepare_cached(sql).await?;
    let row = client
        .query_one(&select, &[&ids, &nexts, &column(upto.0)])
        .await?;
    Ok(!row.try_get::<_, bool>(0)?)
}

/// Whether nothing of an import, nor of what it caused, is set aside.
async fn nothing_is_aside(
    client: &impl GenericClient,
    subscription: &Subscription,
    prefix: &str,
) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM protean_parked AS p
        JOIN protean_message AS m ON m.position = p.position
        WHERE p.subscription = $2 AND p.stream = $3 AND starts_with(m.correlation_id, $1))";
    let select = client.prepare_cached(sql).await?;
    let (name, stream) = (&*subscription.name, &*subscription.stream);
    let row = client
        .query_one(&select, &[&prefix, &name, &stream])
        .await?;
    Ok(!row.try_get::<_, bool>(0)?)
}
