//! Messages found by what they are, without reading the whole log.

use std::fmt::Write as _;

use deadpool_postgres::{Client, GenericClient};
use jiff::Timestamp;
use protean_core::port::log::{Entry, Search, Stat};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::lanes;
use crate::log::entries;
use crate::message::{column, number};
use crate::value::Micros;

/// Where in the log something begins.
pub(crate) enum Edge {
    Position(i64),
    Time(Timestamp),
}

impl Edge {
    /// Whether a message, by its position and its time, is before the edge.
    fn is_after(&self, row: &Row) -> Result<bool, Error> {
        Ok(match self {
            Self::Position(position) => row.try_get::<_, i64>(0)? < *position,
            Self::Time(moment) => row.try_get::<_, Micros>(1)?.0 < moment.as_microsecond(),
        })
    }
}

/// The number of the first message of a queue at or after an edge. Found by bisection, since
/// positions grow with the numbers, and times nearly do.
pub(crate) async fn first_sequence(
    client: &impl GenericClient,
    (queue, head): (i64, i64),
    edge: &Edge,
) -> Result<i64, Error> {
    let sql = "SELECT position, time FROM protean_message WHERE queue = $2 AND sequence >= $1
        ORDER BY sequence LIMIT 1";
    bisect(client, (sql, &[&queue]), head, edge).await
}

/// The first position with messages made at or after a moment, which is nearly right.
async fn first_position(client: &impl GenericClient, moment: Timestamp) -> Result<i64, Error> {
    let head = "SELECT COALESCE(max(position), 0) FROM protean_message";
    let head: i64 = client.query_one(head, &[]).await?.try_get(0)?;
    let sql = "SELECT position, time FROM protean_message WHERE position >= $1
        ORDER BY position LIMIT 1";
    bisect(client, (sql, &[]), head, &Edge::Time(moment)).await
}

/// The first number from 1 whose message is not before the edge; one more than `head` when all are.
/// The statement selects the position and the time of the first message from the number `$1` on;
/// its other parameters come with it.
async fn bisect(
    client: &impl GenericClient,
    (sql, others): (&str, &[&(dyn ToSql + Sync)]),
    head: i64,
    edge: &Edge,
) -> Result<i64, Error> {
    let next = client.prepare_cached(sql).await?;
    let (mut low, mut high) = (1, head + 1);
    while low < high {
        let middle = i64::midpoint(low, high);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&middle];
        parameters.extend(others);
        let found = client.query_opt(&next, &parameters).await?;
        if found.map_or(Ok(false), |row| edge.is_after(&row))? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The message with an id that tells when it was made.
pub(crate) async fn find(client: &Client, id: Uuid) -> Result<Option<Entry>, Error> {
    let Some(times) = Search::times_of(id) else {
        return Ok(None);
    };
    let queues = client
        .query("SELECT id, head FROM protean_queue", &[])
        .await?;
    for (since, until) in times {
        for row in &queues {
            let queue = (row.try_get(0)?, row.try_get(1)?);
            let first = first_sequence(client, queue, &Edge::Time(since)).await?;
            let end = first_sequence(client, queue, &Edge::Time(until)).await?;
            let condition = "m.queue = $1 AND m.sequence >= $2 AND m.sequence < $3 AND m.id = $4";
            let found = entries(client, condition, &[&queue.0, &first, &end, &id, &1_i64]).await?;
            if let Some(entry) = found.into_iter().next() {
                return Ok(Some(entry));
            }
        }
    }
    Ok(None)
}

/// Conditions that hold together, each with a parameter.
#[derive(Default)]
struct Conditions<'v> {
    sql: String,
    values: Vec<&'v (dyn ToSql + Sync)>,
}

impl<'v> Conditions<'v> {
    fn add<T: ToSql + Sync>(&mut self, condition: &str, value: Option<&'v T>) {
        if let Some(value) = value {
            self.values.push(value);
            let _ = write!(self.sql, " AND {condition} ${}", self.values.len());
        }
    }
}

/// The newest messages that a search means, oldest first.
pub(crate) async fn search(
    client: &Client,
    search: &Search,
    count_max: i64,
) -> Result<Vec<Entry>, Error> {
    let lanes = search.lane.map(|lane| lanes::all_of(lane).to_vec());
    let (since, until) = (search.since.map(Micros::of), search.until.map(Micros::of));
    let window = window(client, search).await?;
    let window = window.as_ref();
    let mut conditions = Conditions::default();
    conditions.add("m.correlation_id =", search.correlation_id.as_ref());
    conditions.add("m.key =", search.key.as_ref());
    conditions.add("m.type =", search.type_name.as_ref());
    conditions.add("q.stream =", search.stream.as_ref());
    conditions.add("m.time >=", since.as_ref());
    conditions.add("m.time <", until.as_ref());
    conditions.add("m.position >=", window.map(|(from, _)| from));
    conditions.add("m.position <", window.map(|(_, to)| to));
    if let Some(lanes) = &lanes {
        conditions.values.push(lanes);
        let count = conditions.values.len();
        let _ = write!(conditions.sql, " AND q.lane = ANY(${count})");
    }
    let Conditions { sql, mut values } = conditions;
    values.push(&count_max);
    let newest = format!(
        "m.position IN (SELECT m.position FROM protean_message AS m
             JOIN protean_queue AS q ON q.id = m.queue
             WHERE true{sql} ORDER BY m.position DESC LIMIT ${})",
        values.len()
    );
    entries(client, &newest, &values).await
}

/// The positions that are looked at, from the first up to before the second, if not all are.
async fn window(client: &Client, search: &Search) -> Result<Option<(i64, i64)>, Error> {
    if search.is_narrow() {
        return Ok(None);
    }
    let (since, until) = search.times();
    let end = first_position(client, until).await?;
    let since = first_position(client, since).await?;
    Ok(Some((since.max(end - column(Search::LOOKED_AT_MAX)), end)))
}

/// What each lane of each stream has taken in.
pub(crate) async fn stats(client: &Client) -> Result<Vec<Stat>, Error> {
    let sql = "SELECT q.stream, q.lane, q.head,
            (SELECT time FROM protean_message WHERE queue = q.id ORDER BY sequence LIMIT 1),
            (SELECT time FROM protean_message WHERE queue = q.id ORDER BY sequence DESC LIMIT 1)
        FROM protean_queue AS q ORDER BY q.stream, q.lane, q.band";
    let moment = |row: &Row, at| -> Result<Option<Timestamp>, Error> {
        Ok(row.try_get::<_, Option<Micros>>(at)?.map(Micros::timestamp))
    };
    let stat = |row: &Row| {
        Ok(Stat {
            stream: row.try_get(0)?,
            lane: lanes::of(row.try_get(1)?),
            published: number(row.try_get(2)?),
            oldest: moment(row, 3)?,
            newest: moment(row, 4)?,
        })
    };
    let rows = client.query(sql, &[]).await?;
    let all: Result<Vec<_>, Error> = rows.iter().map(stat).collect();
    Ok(Stat::joined(all?))
}
