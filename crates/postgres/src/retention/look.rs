//! Looking for what is old.

use std::collections::HashMap;

use deadpool_postgres::Client;
use protean_core::port::imports::State;
use protean_core::port::retention::{COMMAND_SUFFIX, Due, LOOK_MAX, Row, Sweep, made};
use protean_core::port::trace::Outcome;
use tokio_postgres::Error;
use uuid::Uuid;

use super::{Published, before};
use crate::lanes;
use crate::message::{column, number};
use crate::value::Micros;

/// Every queue, by its id, and up to where everybody has settled it and, with `$4`, it is published.
/// Those who read it are the subscriptions of the domain and all that have left something behind; of
/// a stream that nobody reads nothing is settled.
const BOUNDS: &str = "SELECT q.id, q.stream, CASE WHEN q.lane = $3 THEN q.head ELSE LEAST(
        COALESCE((SELECT min(COALESCE(c.sequence, t.sequence, 0)) FROM (
            SELECT u.name FROM unnest($1::text[], $2::text[]) AS u(name, stream)
                WHERE u.stream = q.stream
            UNION SELECT r.subscription FROM protean_cursor AS r
                JOIN protean_queue AS s ON s.id = r.queue WHERE s.stream = q.stream
            UNION SELECT g.subscription FROM protean_gauge AS g WHERE g.stream = q.stream) AS n
         LEFT JOIN protean_cursor AS c ON c.subscription = n.name AND c.queue = q.id), 0),
        CASE WHEN $4 AND q.lane = ANY($5::smallint[]) THEN COALESCE(y.sequence, 0) END) END
    FROM protean_queue AS q LEFT JOIN protean_trimmed AS t ON t.queue = q.id
    LEFT JOIN protean_relay AS y ON y.queue = q.id ORDER BY q.id";

/// Whether the message at `m` is set aside or was given up.
const HELD: &str = "EXISTS (SELECT 1 FROM protean_dead_letter AS d WHERE d.position = m.position)
    OR EXISTS (SELECT 1 FROM protean_parked AS p WHERE p.position = m.position)";

const IMPORTS: &str = "SELECT i.name, NOT EXISTS (
        SELECT 1 FROM (SELECT position FROM protean_dead_letter
            UNION ALL SELECT position FROM protean_parked) AS h
        JOIN protean_message AS m ON m.position = h.position
        WHERE starts_with(m.correlation_id, 'import:' || i.name || ':'))
    FROM protean_import AS i WHERE i.name > $1 AND i.updated < $2 AND i.state = ANY($3)
    ORDER BY i.name LIMIT $4";

const GAUGES: &str = "SELECT process FROM protean_gauge GROUP BY process HAVING max(updated) < $1
    ORDER BY process LIMIT $2";

const ARRIVALS: &str = "SELECT stream, id, position FROM protean_taken_in
    WHERE (stream, id) > ($1, $2) ORDER BY stream, id LIMIT $3";

/// How many rows are looked at.
fn limit(room: usize) -> i64 {
    i64::try_from(room).unwrap_or(i64::MAX)
}

/// A queue, and up to where everybody has settled it.
struct Bound {
    queue: i64,
    stream: String,
    upto: i64,
}

/// What a marker is about: its row, the id and the position of its message.
type Marker = (Row, Uuid, i64);

pub(super) struct Look<'l> {
    pub(super) client: &'l Client,
    pub(super) sweep: &'l Sweep,
    pub(super) published: Published,
}

impl Look<'_> {
    async fn bounds(&self) -> Result<Vec<Bound>, Error> {
        let all = self.sweep.subscriptions.iter();
        let (names, streams): (Vec<&str>, Vec<&str>) =
            all.map(|one| (&*one.name, &*one.stream)).unzip();
        let is_relayed = self.published == Published::Relayed;
        let relayed = protean_core::Lane::ALL.map(lanes::number);
        let select = self.client.prepare_cached(BOUNDS).await?;
        let rows = self
            .client
            .query(
                &select,
                &[&names, &streams, &lanes::INLINE, &is_relayed, &&relayed[..]],
            )
            .await?;
        let bound = |row: &tokio_postgres::Row| {
            Ok(Bound {
                queue: row.try_get(0)?,
                stream: row.try_get(1)?,
                upto: row.try_get(2)?,
            })
        };
        rows.iter().map(bound).collect()
    }

    /// Commands that everybody has handled: in each queue, those before the first that is young or
    /// not settled.
    pub(super) async fn commands(&self, after: Option<&Row>) -> Result<Due, Error> {
        let (first, from) = match after {
            Some(Row::Command { queue, sequence }) => (column(*queue), column(*sequence)),
            _ => (0, 0),
        };
        let before = Micros::of(before(self.client, self.sweep).await?);
        let sql = format!(
            "SELECT m.sequence, m.time < $4, NOT m.event AND NOT ({HELD})
             FROM protean_message AS m WHERE m.queue = $1 AND m.sequence > $2 AND m.sequence <= $3
             ORDER BY m.sequence LIMIT $5"
        );
        let select = self.client.prepare_cached(&sql).await?;
        let mut due = Due::default();
        let mut looked = 0;
        for bound in self.bounds().await? {
            if bound.queue < first || !bound.stream.ends_with(COMMAND_SUFFIX) {
                continue;
            }
            let after = if bound.queue == first { from } else { 0 };
            let room = limit(LOOK_MAX - looked);
            let rows = self
                .client
                .query(
                    &select,
                    &[&bound.queue, &after, &bound.upto, &before, &room],
                )
                .await?;
            let queue = number(bound.queue);
            for row in &rows {
                looked += 1;
                if !row.try_get::<_, bool>(1)? {
                    let sequence = number(i64::MAX);
                    due.next = Some(Row::Command { queue, sequence });
                    break;
                }
                let sequence = number(row.try_get(0)?);
                let command = Row::Command { queue, sequence };
                if row.try_get(2)? {
                    due.rows.push(command.clone());
                }
                due.next = Some(command);
            }
            if looked == LOOK_MAX {
                return Ok(due);
            }
        }
        due.next = None;
        Ok(due)
    }

    /// Idempotency keys in the order of their digests, and then what was taken in, of which the
    /// message is gone or, when it is a command, settled.
    pub(super) async fn markers(&self, after: Option<&Row>) -> Result<Due, Error> {
        let markers = match after {
            None => self.keys(&[]).await?,
            Some(Row::Key { key, .. }) => self.keys(key).await?,
            Some(Row::Arrival { stream, id }) => self.arrivals(stream, *id).await?,
            Some(_) => Vec::new(),
        };
        let is_last = markers.len() < LOOK_MAX;
        let next = markers.last().map(|(row, ..)| row.clone());
        let next = match (is_last, &after) {
            (false, _) => next,
            (true, Some(Row::Arrival { .. })) => None,
            // After the keys comes what was taken in.
            (true, _) => Some(Row::Arrival {
                stream: String::new(),
                id: Uuid::nil(),
            }),
        };
        let rows = self.old_markers(markers).await?;
        Ok(Due { rows, next })
    }

    async fn keys(&self, after: &[u8]) -> Result<Vec<Marker>, Error> {
        let sql = "SELECT key, id, position FROM protean_idempotency
            WHERE key > $1 ORDER BY key LIMIT $2";
        let select = self.client.prepare_cached(sql).await?;
        let rows = self
            .client
            .query(&select, &[&after, &limit(LOOK_MAX)])
            .await?;
        let key = |row: &tokio_postgres::Row| {
            let position: i64 = row.try_get(2)?;
            let key = Row::Key {
                key: row.try_get(0)?,
                position: number(position),
            };
            Ok((key, row.try_get(1)?, position))
        };
        rows.iter().map(key).collect()
    }

    async fn arrivals(&self, stream: &str, id: Uuid) -> Result<Vec<Marker>, Error> {
        let select = self.client.prepare_cached(ARRIVALS).await?;
        let rows = self
            .client
            .query(&select, &[&stream, &id, &limit(LOOK_MAX)])
            .await?;
        let arrival = |row: &tokio_postgres::Row| {
            let (stream, id) = (row.try_get(0)?, row.try_get(1)?);
            Ok((Row::Arrival { stream, id }, id, row.try_get(2)?))
        };
        rows.iter().map(arrival).collect()
    }

    async fn old_markers(&self, markers: Vec<Marker>) -> Result<Vec<Row>, Error> {
        let before = before(self.client, self.sweep).await?;
        let bounds = self.bounds().await?.into_iter();
        let bounds: HashMap<i64, i64> = bounds.map(|one| (one.queue, one.upto)).collect();
        let sql = format!(
            "SELECT m.position, m.queue, m.sequence, m.time, {HELD} FROM protean_message AS m
             WHERE m.position = ANY($1)"
        );
        let positions: Vec<i64> = markers.iter().map(|(_, _, position)| *position).collect();
        let select = self.client.prepare_cached(&sql).await?;
        let mut messages = HashMap::new();
        for row in self.client.query(&select, &[&positions]).await? {
            let (queue, sequence): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            let upto = bounds.get(&queue).copied().unwrap_or_default();
            let is_settled = sequence <= upto && !row.try_get::<_, bool>(4)?;
            let time = row.try_get::<_, Micros>(3)?.timestamp();
            messages.insert(row.try_get::<_, i64>(0)?, (is_settled, time));
        }
        let is_old = |(_, id, position): &Marker| match messages.get(position) {
            Some((is_settled, time)) => *is_settled && *time < before,
            // Of an id that does not tell, it is known that its command was old enough to go.
            None => made(*id).is_none_or(|time| time < before),
        };
        let old = markers.into_iter().filter(is_old);
        Ok(old.map(|(row, ..)| row).collect())
    }

    /// What was done, but for failures of messages that are set aside or given up. Records have
    /// numbers in the order in which they were begun, nearly.
    pub(super) async fn traces(&self, after: Option<&Row>) -> Result<Due, Error> {
        let after = match after {
            Some(Row::Trace(id)) => column(*id),
            _ => 0,
        };
        let sql = format!(
            "SELECT t.id, t.started < $2, t.outcome = ANY($3::smallint[]) AND EXISTS (
                SELECT 1 FROM protean_message AS m WHERE m.queue = t.queue
                    AND m.sequence BETWEEN t.first AND t.last AND ({HELD}))
             FROM protean_trace AS t WHERE t.id > $1 ORDER BY t.id LIMIT $4"
        );
        let failed = [Outcome::Retried, Outcome::Dead].map(|it| i16::from(it.number()));
        let before = Micros::of(self.sweep.before);
        let select = self.client.prepare_cached(&sql).await?;
        let rows = self
            .client
            .query(&select, &[&after, &before, &&failed[..], &limit(LOOK_MAX)])
            .await?;
        let mut due = Due::default();
        let mut looked = 0;
        for row in &rows {
            if !row.try_get::<_, bool>(1)? {
                break;
            }
            looked += 1;
            let trace = Row::Trace(number(row.try_get(0)?));
            if !row.try_get::<_, bool>(2)? {
                due.rows.push(trace.clone());
            }
            due.next = Some(trace);
        }
        due.next = due.next.filter(|_| looked == LOOK_MAX);
        Ok(due)
    }

    /// Imports that have ended, of which nothing is set aside or given up.
    pub(super) async fn imports(&self, after: Option<&Row>) -> Result<Due, Error> {
        let after = match after {
            Some(Row::Import(name)) => name.as_str(),
            _ => "",
        };
        let ended = [State::Cancelled, State::Finished].map(State::name);
        let before = Micros::of(self.sweep.before);
        let select = self.client.prepare_cached(IMPORTS).await?;
        let rows = self
            .client
            .query(&select, &[&after, &before, &&ended[..], &limit(LOOK_MAX)])
            .await?;
        let mut due = Due::default();
        for row in &rows {
            let import = Row::Import(row.try_get(0)?);
            if row.try_get(1)? {
                due.rows.push(import.clone());
            }
            due.next = Some(import);
        }
        due.next = due.next.filter(|_| rows.len() == LOOK_MAX);
        Ok(due)
    }

    /// Processes that have told nothing of themselves for long.
    pub(super) async fn gauges(&self) -> Result<Due, Error> {
        let before = Micros::of(self.sweep.before);
        let rows = self
            .client
            .query(GAUGES, &[&before, &limit(LOOK_MAX)])
            .await?;
        let processes = rows.iter().map(|row| Ok(Row::Process(row.try_get(0)?)));
        Ok(Due {
            rows: processes.collect::<Result<_, Error>>()?,
            next: None,
        })
    }
}
