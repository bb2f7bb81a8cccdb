//! What was done with messages: written by the commits that settle them, read for `events trace`.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use deadpool_postgres::Client;
use protean_core::Lane;
use protean_core::port::broker::Subscription;
use protean_core::port::store::Position;
use protean_core::port::trace::{
    Attempt, Fate, Messages, Outcome, Records, SPAN_MAX, State, together,
};
use protean_core::settled::Settled;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::lanes;
use crate::message::{column, number};
use crate::value::Micros;

/// Writes what was done. Of a message that was set aside, the log knows the queue.
const TRACE: &str = "INSERT INTO protean_trace
    (subscription, lane, queue, first, last, ranges, attempt, outcome, started, took, error)
    SELECT u.subscription, u.lane, COALESCE(u.queue, m.queue), COALESCE(u.first, m.sequence),
        COALESCE(u.last, m.sequence), u.ranges, u.attempt, u.outcome, u.started, u.took, u.error
    FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::text[], $8::integer[], $9::smallint[], $10::timestamptz[],
        $11::bigint[], $12::text[]) AS u(subscription, lane, position, queue, first, last, ranges,
        attempt, outcome, started, took, error)
    LEFT JOIN protean_message AS m ON m.position = u.position
    WHERE u.queue IS NOT NULL OR m.queue IS NOT NULL";

/// The same of so many messages in their queues as a run that goes along with another has: one value
/// for each column.
static TRACE_OF_FEW: LazyLock<[String; 2]> = LazyLock::new(|| {
    let row = |nth: usize| {
        let types = [
            "text",
            "smallint",
            "bigint",
            "bigint",
            "bigint",
            "text",
            "integer",
            "smallint",
            "timestamptz",
            "bigint",
            "text",
        ];
        let number = |(at, of): (usize, &str)| format!("${}::{of}", nth * types.len() + at + 1);
        let values: Vec<String> = types.into_iter().enumerate().map(number).collect();
        format!("({})", values.join(", "))
    };
    let of = |rows: String| {
        format!(
            "INSERT INTO protean_trace
            (subscription, lane, queue, first, last, ranges, attempt, outcome, started, took, error)
            VALUES {rows}"
        )
    };
    [of(row(0)), of(format!("{}, {}", row(0), row(1)))]
});

/// The same of messages in their queues alone.
const TRACE_IN_QUEUES: &str = "INSERT INTO protean_trace
    (subscription, lane, queue, first, last, ranges, attempt, outcome, started, took, error)
    SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[],
        $6::text[], $7::integer[], $8::smallint[], $9::timestamptz[], $10::bigint[], $11::text[])";

const PLACES: &str = "SELECT m.position, m.queue, m.sequence, q.stream, q.lane
    FROM protean_message AS m JOIN protean_queue AS q ON q.id = m.queue
    WHERE m.position = ANY($1) ORDER BY m.position";

const CURSORS: &str = "SELECT subscription, queue, sequence, ahead FROM protean_cursor
    WHERE subscription = ANY($1) AND queue = ANY($2)";

const PARKED: &str = "SELECT p.subscription, p.position, p.due, p.failures, p.error
    FROM protean_parked AS p WHERE p.subscription = ANY($1) AND p.stream = ANY($2)
        AND p.position = ANY($3)";

const DEAD: &str = "SELECT d.subscription, d.position, d.id, d.error
    FROM protean_dead_letter AS d WHERE d.subscription = ANY($1) AND d.stream = ANY($2)
        AND d.position = ANY($3) ORDER BY d.id";

const TRACES: &str = "SELECT t.subscription, u.position, u.sequence, t.first, t.last, t.ranges,
        t.attempt, t.started, t.took, t.outcome, t.error
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u(position, queue, sequence)
    JOIN protean_trace AS t ON t.queue = u.queue AND t.first <= u.sequence
        AND t.first > u.sequence - $4 AND t.last >= u.sequence
    WHERE t.subscription = ANY($5) ORDER BY t.id";

/// Where the positions are among the parameters of [`TRACE`].
const POSITIONS: usize = 2;

/// The arrays of [`TRACE`].
#[derive(Default)]
pub(crate) struct Traces {
    names: Vec<String>,
    lanes: Vec<i16>,
    positions: Vec<Option<i64>>,
    queues: Vec<Option<i64>>,
    firsts: Vec<Option<i64>>,
    lasts: Vec<Option<i64>>,
    ranges: Vec<Option<String>>,
    attempts: Vec<i32>,
    outcomes: Vec<i16>,
    started: Vec<Micros>,
    took: Vec<i64>,
    errors: Vec<Option<String>>,
}

impl Traces {
    pub(crate) fn of(records: Records) -> Self {
        let mut traces = Self::default();
        for record in records.into_rows() {
            traces.names.push(record.subscription.name.to_string());
            traces.lanes.push(lanes::number(record.lane));
            let (position, queue, span, ranges) = match record.messages {
                Messages::Queue {
                    queue,
                    first,
                    last,
                    ranges,
                } => (None, Some(queue), Some((first, last)), ranges),
                Messages::At(position) => (Some(position.0), None, None, None),
            };
            traces.positions.push(position.map(column));
            traces.queues.push(queue.map(column));
            traces.firsts.push(span.map(|(first, _)| column(first)));
            traces.lasts.push(span.map(|(_, last)| column(last)));
            traces.ranges.push(ranges);
            let attempt = i32::try_from(record.handling.attempt).unwrap_or(i32::MAX);
            traces.attempts.push(attempt);
            traces.outcomes.push(record.outcome.number().into());
            traces.started.push(Micros::of(record.handling.started));
            let took = i64::try_from(record.handling.took.as_micros());
            traces.took.push(took.unwrap_or(i64::MAX));
            traces.errors.push(record.error);
        }
        traces
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The statement that writes them, and its parameters.
    pub(crate) fn statement(&self) -> (&'static str, Vec<&(dyn ToSql + Sync)>) {
        let mut parameters = self.parameters().to_vec();
        if self.queues.iter().any(Option::is_none) {
            return (TRACE, parameters);
        }
        parameters.remove(POSITIONS);
        (TRACE_IN_QUEUES, parameters)
    }

    /// The same where it is of one or two runs, of messages in their queues.
    pub(crate) fn statement_of_few(&self) -> Option<(&'static str, Vec<&(dyn ToSql + Sync)>)> {
        let sql = TRACE_OF_FEW.get(self.names.len().checked_sub(1)?)?;
        if self.queues.iter().any(Option::is_none) {
            return None;
        }
        let row = |nth: usize| -> [&(dyn ToSql + Sync); 11] {
            [
                &self.names[nth],
                &self.lanes[nth],
                &self.queues[nth],
                &self.firsts[nth],
                &self.lasts[nth],
                &self.ranges[nth],
                &self.attempts[nth],
                &self.outcomes[nth],
                &self.started[nth],
                &self.took[nth],
                &self.errors[nth],
            ]
        };
        Some((sql, (0..self.names.len()).flat_map(row).collect()))
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 12] {
        [
            &self.names,
            &self.lanes,
            &self.positions,
            &self.queues,
            &self.firsts,
            &self.lasts,
            &self.ranges,
            &self.attempts,
            &self.outcomes,
            &self.started,
            &self.took,
            &self.errors,
        ]
    }
}

/// A message, by its place in the log.
struct Place {
    position: i64,
    queue: i64,
    sequence: i64,
    stream: String,
    lane: Option<Lane>,
}

/// A subscription's name and the position of a message.
type Key = (String, i64);

/// What the tables say about some messages.
struct Found {
    cursors: HashMap<(String, i64), Settled>,
    aside: HashMap<Key, State>,
    attempts: HashMap<Key, Vec<Attempt>>,
}

/// What became of messages in subscriptions.
pub(crate) async fn fates(
    client: &Client,
    positions: &[Position],
    subscriptions: &[Subscription],
) -> Result<Vec<Fate>, Error> {
    let positions: Vec<i64> = positions.iter().map(|it| column(it.0)).collect();
    let rows = client.query(PLACES, &[&positions]).await?;
    let places: Vec<Place> = rows.iter().map(place).collect::<Result<_, Error>>()?;
    let mut found = find(client, &places, subscriptions).await?;
    let mut fates = Vec::new();
    for place in &places {
        let Some(lane) = place.lane else { continue };
        let readers = subscriptions.iter();
        for subscription in readers.filter(|one| *one.stream == *place.stream) {
            let key = (subscription.name.to_string(), place.position);
            fates.push(Fate {
                position: Position(number(place.position)),
                subscription: subscription.clone(),
                lane,
                state: found.state(place, &key),
                attempts: found.attempts.remove(&key).unwrap_or_default(),
            });
        }
    }
    Ok(fates)
}

fn place(row: &Row) -> Result<Place, Error> {
    Ok(Place {
        position: row.try_get(0)?,
        queue: row.try_get(1)?,
        sequence: row.try_get(2)?,
        stream: row.try_get(3)?,
        lane: lanes::of(row.try_get(4)?),
    })
}

/// The cursors before the rest: what is set aside or handled meanwhile is seen at its new place.
async fn find(
    client: &Client,
    places: &[Place],
    subscriptions: &[Subscription],
) -> Result<Found, Error> {
    let names: Vec<&str> = subscriptions.iter().map(|one| &*one.name).collect();
    let streams: BTreeSet<&str> = places.iter().map(|one| &*one.stream).collect();
    let streams: Vec<&str> = streams.into_iter().collect();
    let positions: Vec<i64> = places.iter().map(|one| one.position).collect();
    let queues: Vec<i64> = places.iter().map(|one| one.queue).collect();
    let sequences: Vec<i64> = places.iter().map(|one| one.sequence).collect();
    let mut found = Found {
        cursors: HashMap::new(),
        aside: HashMap::new(),
        attempts: HashMap::new(),
    };
    for row in client.query(CURSORS, &[&names, &queues]).await? {
        let ahead: &str = row.try_get(3)?;
        let settled = Settled::parse(number(row.try_get(2)?), ahead).unwrap_or_default();
        found
            .cursors
            .insert((row.try_get(0)?, row.try_get(1)?), settled);
    }
    let which: [&(dyn ToSql + Sync); 3] = [&names, &streams, &positions];
    for row in client.query(DEAD, &which).await? {
        let dead = State::Dead {
            letter: number(row.try_get(2)?),
            error: row.try_get(3)?,
        };
        found.aside.insert((row.try_get(0)?, row.try_get(1)?), dead);
    }
    for row in client.query(PARKED, &which).await? {
        let failures: i32 = row.try_get(3)?;
        let parked = State::Parked {
            due: row.try_get::<_, Option<Micros>>(2)?.map(Micros::timestamp),
            failures: u32::try_from(failures).unwrap_or_default(),
            error: row.try_get(4)?,
        };
        found
            .aside
            .insert((row.try_get(0)?, row.try_get(1)?), parked);
    }
    let span = column(SPAN_MAX);
    let which: [&(dyn ToSql + Sync); 5] = [&positions, &queues, &sequences, &span, &names];
    for row in client.query(TRACES, &which).await? {
        if let Some(attempt) = attempt(&row)? {
            let key = (row.try_get(0)?, row.try_get(1)?);
            found.attempts.entry(key).or_default().push(attempt);
        }
    }
    Ok(found)
}

/// The try in a row of [`TRACES`], if the message was part of it.
fn attempt(row: &Row) -> Result<Option<Attempt>, Error> {
    let ranges: Option<&str> = row.try_get(5)?;
    let span = (number(row.try_get(3)?), number(row.try_get(4)?));
    let together = together(number(row.try_get(2)?), span, ranges);
    let outcome: i16 = row.try_get(9)?;
    let outcome = u8::try_from(outcome).ok().and_then(Outcome::of);
    let (Some(together), Some(outcome)) = (together, outcome) else {
        return Ok(None);
    };
    let attempt: i32 = row.try_get(6)?;
    Ok(Some(Attempt {
        number: u32::try_from(attempt).unwrap_or_default(),
        started: row.try_get::<_, Micros>(7)?.timestamp(),
        took: Duration::from_micros(number(row.try_get(8)?)),
        together,
        outcome,
        error: row.try_get(10)?,
    }))
}

impl Found {
    fn state(&self, place: &Place, key: &Key) -> State {
        if let Some(aside) = self.aside.get(key) {
            return aside.clone();
        }
        let nothing = Settled::default();
        let cursor = self.cursors.get(&(key.0.clone(), place.queue));
        let settled = cursor.unwrap_or(&nothing);
        let sequence = number(place.sequence);
        match settled.contains(sequence) {
            true => State::Settled,
            false => State::Waiting {
                before: settled.unsettled_before(sequence),
            },
        }
    }
}
