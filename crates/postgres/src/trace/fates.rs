//! What became of messages, as `events trace` tells it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use deadpool_postgres::Client;
use protean_core::Lane;
use protean_core::port::broker::Subscription;
use protean_core::port::store::Position;
use protean_core::port::trace::{Attempt, Fate, Outcome, SPAN_MAX, State, together};
use protean_core::settled::Settled;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::lanes;
use crate::message::{column, number};
use crate::value::Micros;

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
