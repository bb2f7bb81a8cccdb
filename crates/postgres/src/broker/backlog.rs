//! How much a subscription has before it: a few point lookups, whatever the backlog.

use std::collections::HashMap;
use std::time::Duration;

use deadpool_postgres::Client;
use jiff::Timestamp;
use protean_core::port::broker::{Backlog, Subscription};
use tokio_postgres::{Error, Row};

use super::lease;
use crate::lanes;
use crate::message::number;
use crate::value::Micros;

/// How old a gauge may be before it counts as left behind by a server that is gone, in seconds.
const GAUGE_AGE_MAX: f64 = 5.0;

/// Writes what a process knows of its subscriptions.
pub(super) const UPSERT_GAUGES: &str = "INSERT INTO protean_gauge
    (subscription, stream, lane, process, in_flight, rate, updated)
    SELECT u.subscription, u.stream, u.lane, $4, u.in_flight, u.rate, now()
    FROM unnest($1::text[], $2::text[], $3::smallint[], $5::bigint[], $6::double precision[])
        AS u(subscription, stream, lane, in_flight, rate)
    ON CONFLICT (subscription, stream, lane, process) DO UPDATE
    SET in_flight = excluded.in_flight, rate = excluded.rate, updated = excluded.updated";

/// Each queue of each subscription: what it holds, what is settled, and when the first message that
/// is not settled was made.
const QUEUES: &str = "SELECT s.name, s.stream, q.lane, q.head, COALESCE(c.sequence, t.sequence),
        c.ahead, m.time
    FROM unnest($1::text[], $2::text[]) AS s(name, stream)
    JOIN protean_queue AS q ON q.stream = s.stream
    LEFT JOIN protean_trimmed AS t ON t.queue = q.id
    LEFT JOIN protean_cursor AS c ON c.subscription = s.name AND c.queue = q.id
    LEFT JOIN protean_message AS m
        ON m.queue = q.id AND m.sequence = COALESCE(c.sequence, t.sequence, 0) + 1";

const PARKED: &str = "SELECT p.subscription, p.stream, p.lane, count(*), min(m.time)
    FROM protean_parked AS p JOIN protean_message AS m ON m.position = p.position
    WHERE p.subscription = ANY($1::text[]) GROUP BY 1, 2, 3";

const DEAD: &str = "SELECT subscription, stream, lane, count(*) FROM protean_dead_letter
    WHERE subscription = ANY($1::text[]) GROUP BY 1, 2, 3";

const GAUGES: &str = "SELECT subscription, stream, lane, sum(in_flight)::bigint, sum(rate)
    FROM protean_gauge
    WHERE subscription = ANY($1::text[]) AND updated > now() - make_interval(secs => $2)
    GROUP BY 1, 2, 3";

/// A subscription's name, its stream, and a lane's index.
type Place = (String, String, usize);

/// What is known of a lane, before it is a backlog.
#[derive(Default)]
struct Tally {
    unsettled: u64,
    parked: u64,
    in_flight: u64,
    dead: u64,
    oldest: Option<Micros>,
    rate_per_second: f64,
}

impl Tally {
    fn grows_old(&mut self, time: Option<Micros>) {
        let oldest = self.oldest.into_iter().chain(time);
        self.oldest = oldest.min_by_key(|micros| micros.0);
    }

    fn backlog(self, now: Timestamp) -> Backlog {
        Backlog {
            lag: self.unsettled + self.parked,
            // A gauge is up to a second old: no more can be in flight than there is.
            pending: self.parked + u64::min(self.in_flight, self.unsettled),
            dead: self.dead,
            oldest: self.oldest.map(|time| age(time, now)),
            rate_per_second: self.rate_per_second,
        }
    }
}

/// The backlogs of some subscriptions, in the order asked.
pub(crate) async fn of(
    client: &Client,
    subscriptions: &[Subscription],
) -> Result<Vec<[Backlog; 2]>, Error> {
    let names: Vec<&str> = subscriptions.iter().map(|one| &*one.name).collect();
    let streams: Vec<&str> = subscriptions.iter().map(|one| &*one.stream).collect();
    let (queues, parked, dead, gauges) = tokio::try_join!(
        client.prepare_cached(QUEUES),
        client.prepare_cached(PARKED),
        client.prepare_cached(DEAD),
        client.prepare_cached(GAUGES)
    )?;
    let (queues, parked, dead, gauges) = tokio::try_join!(
        async { client.query(&queues, &[&names, &streams]).await },
        async { client.query(&parked, &[&names]).await },
        async { client.query(&dead, &[&names]).await },
        async { client.query(&gauges, &[&names, &GAUGE_AGE_MAX]).await }
    )?;
    let mut tallies: HashMap<Place, Tally> = HashMap::new();
    for row in &queues {
        let Some(place) = place(row)? else { continue };
        let settled = lease::settled(row, 4)?;
        let tally = tallies.entry(place).or_default();
        let done = settled.upto() + settled.ahead_count();
        tally.unsettled += number(row.try_get(3)?).saturating_sub(done);
        tally.grows_old(row.try_get(6)?);
    }
    for row in &parked {
        let Some(place) = place(row)? else { continue };
        let tally = tallies.entry(place).or_default();
        tally.parked = number(row.try_get(3)?);
        tally.grows_old(row.try_get(4)?);
    }
    for row in &dead {
        let Some(place) = place(row)? else { continue };
        tallies.entry(place).or_default().dead = number(row.try_get(3)?);
    }
    for row in &gauges {
        let Some(place) = place(row)? else { continue };
        let tally = tallies.entry(place).or_default();
        tally.in_flight = number(row.try_get(3)?);
        tally.rate_per_second = row.try_get(4)?;
    }
    let now = Timestamp::now();
    let mut of = |subscription: &Subscription, lane: usize| {
        let place = (
            subscription.name.to_string(),
            subscription.stream.to_string(),
            lane,
        );
        tallies.remove(&place).unwrap_or_default().backlog(now)
    };
    let all = subscriptions.iter();
    Ok(all.map(|one| [of(one, 0), of(one, 1)]).collect())
}

/// Whose lane the first three columns name; `None` for one that is delivered to nobody.
fn place(row: &Row) -> Result<Option<Place>, Error> {
    let lane = lanes::of(row.try_get(2)?);
    let (name, stream) = (row.try_get(0)?, row.try_get(1)?);
    Ok(lane.map(|lane| (name, stream, lane.index())))
}

/// How long ago a moment was.
pub(crate) fn age(time: Micros, now: Timestamp) -> Duration {
    let micros = now.as_microsecond().saturating_sub(time.0);
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
