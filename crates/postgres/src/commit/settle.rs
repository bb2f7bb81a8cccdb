//! What becomes of the messages that were handled: cursors, messages set aside, dead letters.

use std::collections::{BTreeMap, HashMap, HashSet};

use protean_core::port::broker::{Place, Settlement, Verdict};
use protean_core::port::store::Commit;
use protean_core::port::trace::Records;
use protean_core::settled::Settled;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::broker::Consumers;
use crate::lanes;
use crate::message::{column, number};
use crate::trace::Traces;
use crate::value::Micros;

/// Locks the cursors of some subscriptions on some queues, in an order that everybody keeps. Says how
/// far the queues are, or were before somebody else let go of the cursor, and whether anything of a
/// stream is set aside, if one is given.
pub(super) const LOCK_CURSORS: &str = "SELECT c.subscription, c.queue, c.sequence, c.ahead, q.head,
        EXISTS (SELECT FROM protean_parked AS p
            WHERE p.subscription = u.subscription AND p.stream = u.stream)
    FROM unnest($1::text[], $2::bigint[], $3::text[]) AS u(subscription, queue, stream)
    JOIN protean_cursor AS c ON c.subscription = u.subscription AND c.queue = u.queue
    JOIN protean_queue AS q ON q.id = c.queue
    ORDER BY c.queue, c.subscription FOR UPDATE OF c";

/// Moves a cursor that is where it is believed to be.
macro_rules! move_guessed {
    () => {
        "UPDATE protean_cursor SET sequence = $4::bigint
        WHERE subscription = $1::text AND queue = $2::bigint AND sequence = $3::bigint
            AND ahead = '' AND NOT EXISTS (SELECT FROM protean_parked AS p
                WHERE p.subscription = $1::text AND p.stream = $5::text)
        RETURNING queue"
    };
}

/// Moves a cursor that has to be where it is believed to be, with nothing of a stream set aside if
/// one is given; fails, by a division, when it is not.
pub(super) const GUESS_CURSOR: &str = concat!(
    "WITH moved AS (",
    move_guessed!(),
    ") SELECT 1 / count(*)::integer FROM moved"
);

/// The same as a part of a statement that fails otherwise.
pub(super) const MOVE_GUESSED: &str = move_guessed!();

/// Makes the cursors that are missing, for queues that exist.
pub(super) const MAKE_CURSORS: &str = "INSERT INTO protean_cursor (subscription, queue)
    SELECT u.subscription, u.queue FROM unnest($1::text[], $2::bigint[]) AS u(subscription, queue)
    JOIN protean_queue AS q ON q.id = u.queue ON CONFLICT DO NOTHING";

/// Moves cursors that are locked.
pub(super) const MOVE_CURSORS: &str = "UPDATE protean_cursor AS c
    SET sequence = u.sequence, ahead = u.ahead
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])
        AS u(subscription, queue, sequence, ahead)
    WHERE c.subscription = u.subscription AND c.queue = u.queue";

/// Takes messages back that were set aside; says which were.
pub(super) const UNPARK: &str = "DELETE FROM protean_parked AS p
    USING unnest($1::text[], $2::text[], $3::bigint[]) AS u(subscription, stream, position)
    WHERE p.subscription = u.subscription AND p.stream = u.stream AND p.position = u.position
    RETURNING p.subscription, p.stream, p.position";

/// Sets messages aside.
pub(super) const PARK: &str = "INSERT INTO protean_parked
    (subscription, stream, position, lane, key, due, failures, failed_first, error, owner)
    SELECT u.subscription, u.stream, u.position, u.lane, m.key, u.due, u.failures, u.failed_first,
        u.error, u.owner
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[], $5::timestamptz[],
        $6::integer[], $7::timestamptz[], $8::text[], $9::bigint[]) AS u(subscription, stream,
        position, lane, due, failures, failed_first, error, owner)
    JOIN protean_message AS m ON m.position = u.position";

/// Gives messages up.
pub(super) const BURY: &str = "INSERT INTO protean_dead_letter
    (subscription, stream, position, lane, attempts, failed_first, failed_last, error)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[], $5::integer[],
        $6::timestamptz[], $7::timestamptz[], $8::text[])";

/// Frees the idempotency keys of messages, as `message::idempotency_digest` makes them.
pub(super) const FORGET_KEYS: &str = "DELETE FROM protean_idempotency AS i
    USING protean_message AS m WHERE m.position = ANY($1::bigint[])
    AND m.idempotency_key IS NOT NULL AND i.key = substring(sha256(convert_to(m.type, 'UTF8')
        || '\\x00'::bytea || convert_to(m.idempotency_key, 'UTF8')) FROM 1 FOR 16)";

/// A subscription's name and a queue.
pub(super) type CursorKey = (String, i64);

/// How far a subscription is on a queue.
pub(super) struct Cursor {
    pub(super) settled: Settled,
    /// The number of the last message of the queue, when it was looked at.
    pub(super) head: u64,
    /// Whether anything of the stream is set aside, as far as it was looked for.
    pub(super) aside: bool,
}

impl Cursor {
    /// One that is at a number, as far as is known, and the queue as well.
    pub(super) fn believed(upto: u64) -> Self {
        Self {
            settled: Settled::parse(upto, "").unwrap_or_default(),
            head: upto,
            aside: false,
        }
    }

    /// Whether all up to a number is settled, and nothing is published beyond it.
    pub(super) fn is_at(&self, upto: u64) -> bool {
        let is_there = self.settled.upto() == upto && self.settled.ahead_count() == 0;
        is_there && self.head <= upto && !self.aside
    }
}

/// The cursors that [`LOCK_CURSORS`] has locked.
pub(super) fn locked(rows: &[Row]) -> Result<HashMap<CursorKey, Cursor>, Error> {
    let cursor = |row: &Row| {
        let (upto, ahead) = (number(row.try_get(2)?), row.try_get(3)?);
        let settled = Settled::parse(upto, ahead).unwrap_or_else(|error| {
            tracing::error!(%error, "a cursor cannot be read; what it had ahead is lost");
            Settled::parse(upto, "").unwrap_or_default()
        });
        let cursor = Cursor {
            settled,
            head: number(row.try_get(4)?),
            aside: row.try_get(5)?,
        };
        Ok(((row.try_get(0)?, row.try_get(1)?), cursor))
    };
    rows.iter().map(cursor).collect()
}

/// How far subscriptions are on queues; nothing of those that were not looked up yet.
type Cursors = BTreeMap<CursorKey, Option<Settled>>;

/// Messages that were set aside and taken back: names, streams and positions.
type Returned = HashSet<(String, String, i64)>;

/// The settlements of one transaction.
pub(super) struct Settlements<'c> {
    all: Vec<(usize, &'c Settlement)>,
    cursors: Cursors,
}

impl<'c> Settlements<'c> {
    pub(super) fn of(commits: &[&'c Commit]) -> Self {
        let numbered = commits.iter().enumerate();
        let all: Vec<_> = numbered
            .flat_map(|(nth, commit)| commit.settlements.iter().map(move |one| (nth, one)))
            .collect();
        let cursors = all.iter().filter_map(|(_, one)| match one.place {
            Place::Queue { queue, .. } => {
                Some(((one.subscription.name.to_string(), column(queue)), None))
            }
            Place::Parked => None,
        });
        Self {
            cursors: cursors.collect(),
            all,
        }
    }

    /// Whether no message was handled.
    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The names and queues of the cursors that are needed.
    pub(super) fn columns(&self) -> (Vec<&str>, Vec<i64>) {
        let keys = self.cursors.keys();
        keys.map(|(name, queue)| (name.as_str(), *queue)).unzip()
    }

    /// Whether a cursor is one of those that are needed.
    pub(super) fn moves(&self, key: &CursorKey) -> bool {
        self.cursors.contains_key(key)
    }

    /// The cursors that are needed.
    pub(super) fn keys(&self) -> impl Iterator<Item = &CursorKey> {
        self.cursors.keys()
    }

    /// Takes in the cursors that were locked; `false` when some are missing.
    pub(super) fn take_in(&mut self, locked: &HashMap<CursorKey, Cursor>) -> bool {
        for (key, settled) in &mut self.cursors {
            *settled = locked.get(key).map(|cursor| cursor.settled.clone());
        }
        self.cursors.values().all(Option::is_some)
    }

    /// Whether all of them are done, and in their queues: nothing else has to be looked at.
    pub(super) fn are_plain(&self) -> bool {
        let is_plain = |one: &Settlement| {
            matches!(one.place, Place::Queue { .. }) && matches!(one.verdict, Verdict::Done)
        };
        self.all.iter().all(|(_, one)| is_plain(one))
    }

    /// The messages that are set aside and are settled now: names, streams and positions.
    pub(super) fn parked_keys(&self) -> (Vec<&str>, Vec<&str>, Vec<i64>) {
        let parked = self
            .all
            .iter()
            .filter(|(_, one)| one.place == Place::Parked);
        let (mut names, mut streams, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        for (_, one) in parked {
            names.push(&*one.subscription.name);
            streams.push(&*one.subscription.stream);
            positions.push(column(one.position.0));
        }
        (names, streams, positions)
    }

    /// Moves the cursors; the numbers of the commits whose message was settled before.
    pub(super) fn settle(&mut self, unparked: &[Row]) -> Result<Vec<usize>, Error> {
        let mut returned = Returned::new();
        for row in unparked {
            returned.insert((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        }
        let mut refused = Vec::new();
        for of_commit in self.all.chunk_by(|(one, _), (other, _)| one == other) {
            // A commit of several leaves no trace when one of them is settled.
            let before = (of_commit.len() > 1).then(|| (self.cursors.clone(), returned.clone()));
            let mut settles = of_commit.iter();
            if settles.all(|(_, one)| settle(&mut self.cursors, &mut returned, one)) {
                continue;
            }
            refused.extend(of_commit.first().map(|(nth, _)| *nth));
            if let Some(before) = before {
                (self.cursors, returned) = before;
            }
        }
        Ok(refused)
    }

    /// The cursors as they are now.
    pub(super) fn moved(&self) -> impl Iterator<Item = (&CursorKey, &Settled)> {
        let cursors = self.cursors.iter();
        cursors.filter_map(|(key, settled)| Some((key, settled.as_ref()?)))
    }

    /// What is set aside; each by the consumer of this process that has its subscription.
    pub(super) fn parkings(&self, consumers: &Consumers) -> Parkings {
        let mut parkings = Parkings::default();
        for (_, one) in &self.all {
            let Verdict::Park(parking) = &one.verdict else {
                continue;
            };
            parkings.places.push(one);
            parkings.due.push(parking.due.map(Micros::of));
            parkings.failures.push(whole(parking.failures));
            parkings
                .failed_first
                .push(parking.failed_first.map(Micros::of));
            parkings.errors.push(parking.error.clone());
            parkings.owners.push(consumers.owner(&one.subscription));
        }
        parkings
    }

    /// The positions of what is withdrawn.
    pub(super) fn withdrawn(&self) -> Vec<i64> {
        let withdrawn = self
            .all
            .iter()
            .filter(|(_, one)| matches!(one.verdict, Verdict::Withdrawn));
        withdrawn.map(|(_, one)| column(one.position.0)).collect()
    }

    /// What was done with the messages, and with those that went along.
    pub(super) fn traces(&self, along: &[Settlement]) -> Traces {
        let mut records = Records::default();
        let all = self.all.iter().map(|(_, one)| *one);
        all.chain(along).for_each(|one| records.add(one));
        Traces::of(records)
    }

    /// What is given up.
    pub(super) fn deaths(&self) -> Deaths {
        let mut deaths = Deaths::default();
        for (_, one) in &self.all {
            let Verdict::Dead(death) = &one.verdict else {
                continue;
            };
            deaths.places.push(one);
            deaths.attempts.push(whole(death.attempts));
            deaths.failed_first.push(Micros::of(death.failed_first));
            deaths.failed_last.push(Micros::of(death.failed_last));
            deaths.errors.push(death.error.clone());
        }
        deaths
    }
}

/// Settles one message; `false` when it was settled before.
fn settle(cursors: &mut Cursors, returned: &mut Returned, one: &Settlement) -> bool {
    let name = one.subscription.name.to_string();
    match one.place {
        Place::Queue { queue, sequence } => {
            let cursor = cursors.get_mut(&(name, column(queue)));
            // Without a cursor there is no such queue any more.
            cursor
                .and_then(Option::as_mut)
                .is_some_and(|settled| settled.settle(sequence))
        }
        Place::Parked => {
            let stream = one.subscription.stream.to_string();
            returned.remove(&(name, stream, column(one.position.0)))
        }
    }
}

/// Whose message it is, and which.
#[derive(Default)]
pub(super) struct Places {
    pub(super) names: Vec<String>,
    pub(super) streams: Vec<String>,
    pub(super) positions: Vec<i64>,
    pub(super) lanes: Vec<i16>,
}

impl Places {
    fn push(&mut self, one: &Settlement) {
        self.names.push(one.subscription.name.to_string());
        self.streams.push(one.subscription.stream.to_string());
        self.positions.push(column(one.position.0));
        self.lanes.push(lanes::number(one.lane));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }
}

/// The arrays of [`PARK`].
#[derive(Default)]
pub(super) struct Parkings {
    pub(super) places: Places,
    pub(super) due: Vec<Option<Micros>>,
    pub(super) failures: Vec<i32>,
    pub(super) failed_first: Vec<Option<Micros>>,
    pub(super) errors: Vec<String>,
    pub(super) owners: Vec<Option<i64>>,
}

impl Parkings {
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.places.names,
            &self.places.streams,
            &self.places.positions,
            &self.places.lanes,
            &self.due,
            &self.failures,
            &self.failed_first,
            &self.errors,
            &self.owners,
        ]
    }
}

/// The arrays of [`BURY`].
#[derive(Default)]
pub(super) struct Deaths {
    pub(super) places: Places,
    pub(super) attempts: Vec<i32>,
    pub(super) failed_first: Vec<Micros>,
    pub(super) failed_last: Vec<Micros>,
    pub(super) errors: Vec<String>,
}

impl Deaths {
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 8] {
        [
            &self.places.names,
            &self.places.streams,
            &self.places.positions,
            &self.places.lanes,
            &self.attempts,
            &self.failed_first,
            &self.failed_last,
            &self.errors,
        ]
    }
}

fn whole(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
