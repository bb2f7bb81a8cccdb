//! A claimed subscription.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use protean_core::interner::Interner;
use protean_core::lane::Band;
use protean_core::port::broker::{Ahead, Delivery, Feed, Parked, Place, Subscription};
use protean_core::port::store::Position;
use protean_core::port::{self};
use protean_core::tally::Tick;
use protean_core::{BoxFuture, Lane};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::ahead;
use crate::Sqlite;
use crate::bell::{Bell, News};
use crate::error::{failed, file};
use crate::log::lane_of;
use crate::message::{self, COLUMNS};
use crate::turnstile::lock_file;
use crate::writer::lane_number;
use protean_core::settled::Settled;

/// The most messages that are read where they are asked for: they take some tenths of a millisecond.
const FEW_MAX: usize = 32;

/// How far a band has been read.
#[derive(Clone, Debug)]
struct Reading {
    queue: i64,
    /// The number of the last message handed out.
    upto: u64,
    /// What was settled before the last fetch, some of it before it was handed out: when the
    /// subscription was claimed, or since, when it was withdrawn.
    settled: Settled,
    /// What was promoted and settled since, and not read yet (L8).
    promoted: BTreeSet<u64>,
}

/// How far each band has been read.
type Readings = [Option<Reading>; Band::COUNT];

/// One lane of a subscription that this process holds, by a lock that any death releases.
pub(super) struct LaneFeed {
    database: Sqlite,
    subscription: Subscription,
    lane: Lane,
    readings: Readings,
    interner: Arc<Mutex<Interner>>,
    _hold: Arc<Hold>,
}

/// The lock of a subscription. Whoever stands by is told when it is given back; any death frees it,
/// too.
struct Hold {
    lock: File,
    bell: Arc<Bell>,
    _part: Tick,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A lock that cannot be given back goes with its file.
        let _ = self.lock.unlock();
        self.bell.ring(&News::Everything);
    }
}

/// Claims a subscription; `None` while somebody else holds it.
pub(super) fn claim(
    database: &Sqlite,
    subscription: &Subscription,
) -> Result<Option<[LaneFeed; 2]>, port::Error> {
    let what = |error: &std::io::Error| file("the claim of a subscription", error);
    let stream: String = subscription
        .stream
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect();
    let path = database
        .inner
        .locks
        .join(format!("{}@{stream}.claim", subscription.name));
    let lock = lock_file(&path).map_err(|error| what(&error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(what(&error)),
    }
    let hold = Arc::new(Hold {
        lock,
        bell: database.inner.bell.clone(),
        _part: database.inner.parts.take(),
    });
    Ok(Some(Lane::ALL.map(|lane| LaneFeed {
        database: database.clone(),
        subscription: subscription.clone(),
        lane,
        readings: Default::default(),
        interner: Arc::default(),
        _hold: hold.clone(),
    })))
}

impl Feed for LaneFeed {
    fn fetch(&mut self, count_max: usize) -> BoxFuture<'_, Result<Vec<Delivery>, port::Error>> {
        Box::pin(async move {
            let few = count_max.min(FEW_MAX);
            let fetch = self.reading(few);
            let (mut found, readings) = self.database.readers(self.lane).look_up(fetch).await?;
            self.readings = readings;
            if found.len() == few && few < count_max {
                let fetch = self.reading(count_max - few);
                let (more, readings) = self.database.readers(self.lane).read(fetch).await?;
                self.readings = readings;
                found.extend(more);
            }
            Ok(found)
        })
    }

    fn ahead<'a>(
        &'a mut self,
        messages: &'a [Delivery],
    ) -> BoxFuture<'a, Result<Ahead, port::Error>> {
        let subscription = self.subscription.clone();
        let messages = messages.to_vec();
        let interner = self.interner.clone();
        Box::pin(self.database.readers(self.lane).read(move |connection| {
            let mut interner = interner.lock().unwrap_or_else(PoisonError::into_inner);
            ahead::of(connection, &subscription, &messages, &mut interner)
                .map_err(|error| failed("the look at what goes before", &error))
        }))
    }

    fn parked(
        &mut self,
        after: Option<Position>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Parked>, port::Error>> {
        let subscription = self.subscription.clone();
        let lane = self.lane;
        Box::pin(self.database.readers(lane).read(move |connection| {
            list_parked(connection, &subscription, lane, after, count_max)
                .map_err(|error| failed("the list of messages set aside", &error))
        }))
    }

    fn fetch_parked<'a>(
        &'a mut self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<Delivery>, port::Error>> {
        let subscription = self.subscription.clone();
        let positions = positions.to_vec();
        let interner = self.interner.clone();
        Box::pin(self.database.readers(self.lane).look_up(move |connection| {
            let mut interner = interner.lock().unwrap_or_else(PoisonError::into_inner);
            let found = positions.into_iter().filter_map(|position| {
                one_parked(connection, &subscription, position, &mut interner).transpose()
            });
            found
                .collect::<rusqlite::Result<_>>()
                .map_err(|error| failed("the fetch of a message set aside", &error))
        }))
    }

    fn settled<'a>(&'a mut self, places: &'a [Place]) -> BoxFuture<'a, Result<(), port::Error>> {
        for place in places {
            self.pass_over(*place);
        }
        Box::pin(async { Ok(()) })
    }
}

impl Reading {
    /// Passes over what is settled at once, however much was withdrawn.
    fn pass_settled(&mut self) {
        if let Some(last) = self.settled.run_end(self.upto + 1) {
            self.upto = last;
        }
        self.promoted.retain(|number| *number > self.upto);
    }
}

impl LaneFeed {
    /// Reads on from where this lane has been read, and says how far that is then.
    fn reading(
        &self,
        count_max: usize,
    ) -> impl FnOnce(&Connection) -> Result<(Vec<Delivery>, Readings), port::Error> + use<> {
        let lane = self.lane;
        let subscription = self.subscription.clone();
        let mut readings = self.readings.clone();
        let interner = self.interner.clone();
        move |connection| {
            let broken = |error| failed("the fetch", &error);
            let mut interner = interner.lock().unwrap_or_else(PoisonError::into_inner);
            // One state of the file for all of it.
            let moment = connection.unchecked_transaction().map_err(broken)?;
            let mut fetch = Fetch {
                connection: &moment,
                lane,
                interner: &mut interner,
            };
            let found = fetch.run(&subscription, &mut readings, count_max);
            Ok((found.map_err(broken)?, readings))
        }
    }

    /// Of messages that were not read yet, only those were settled that were promoted.
    fn pass_over(&mut self, place: Place) {
        let Place::Queue { queue, sequence } = place else {
            return;
        };
        let mut readings = self.readings.iter_mut().flatten();
        let reading = readings.find(|one| u64::try_from(one.queue) == Ok(queue));
        if let Some(reading) = reading.filter(|one| one.upto < sequence) {
            reading.promoted.insert(sequence);
        }
    }
}

struct Fetch<'f> {
    connection: &'f Connection,
    lane: Lane,
    interner: &'f mut Interner,
}

impl Fetch<'_> {
    fn run(
        &mut self,
        subscription: &Subscription,
        readings: &mut Readings,
        count_max: usize,
    ) -> rusqlite::Result<Vec<Delivery>> {
        let mut found = Vec::new();
        for band in Band::ALL {
            let reading = &mut readings[band.index()];
            match reading {
                None => *reading = self.start(subscription, band)?,
                Some(known) => {
                    known.settled = settled(self.connection, &subscription.name, known.queue)?
                }
            }
            if let Some(reading) = reading {
                self.read(reading, count_max, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Where a band is read from: after what is settled. `None` while the band has no queue.
    fn start(&self, subscription: &Subscription, band: Band) -> rusqlite::Result<Option<Reading>> {
        let mut select = self.connection.prepare_cached(
            "SELECT q.id, COALESCE(c.sequence, 0), COALESCE(c.ahead, '')
             FROM protean_queue AS q LEFT JOIN protean_cursor AS c
             ON c.queue = q.id AND c.subscription = ?1
             WHERE q.stream = ?2 AND q.lane = ?3 AND q.band = ?4",
        )?;
        let place = params![
            &*subscription.name,
            &*subscription.stream,
            lane_number(self.lane),
            i64::try_from(band.index()).unwrap_or_default()
        ];
        let found: Option<(i64, u64, String)> = select
            .query_row(place, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((queue, upto, ahead)) = found else {
            return Ok(None);
        };
        Ok(Some(Reading {
            queue,
            upto,
            settled: parse(upto, &ahead)?,
            promoted: BTreeSet::new(),
        }))
    }

    fn read(
        &mut self,
        reading: &mut Reading,
        count_max: usize,
        found: &mut Vec<Delivery>,
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "SELECT {COLUMNS} FROM protean_message AS m JOIN protean_queue AS q ON q.id = m.queue
             WHERE m.queue = ?1 AND m.sequence > ?2 ORDER BY m.sequence"
        );
        let mut select = self.connection.prepare_cached(&sql)?;
        reading.pass_settled();
        let mut rows = select.query(params![reading.queue, reading.upto])?;
        while found.len() < count_max
            && let Some(row) = rows.next()?
        {
            let sequence: u64 = row.get(1)?;
            reading.upto = sequence;
            if reading.settled.contains(sequence) {
                drop(rows);
                reading.pass_settled();
                rows = select.query(params![reading.queue, reading.upto])?;
                continue;
            }
            if reading.promoted.remove(&sequence) {
                continue;
            }
            let logged = message::read(row, self.interner)?;
            found.push(Delivery {
                lane: self.lane,
                place: Place::Queue {
                    queue: u64::try_from(reading.queue).unwrap_or_default(),
                    sequence: logged.sequence,
                },
                position: Position(logged.position),
                failures: 0,
                failed_first: None,
                message: Arc::new(logged.message),
            });
        }
        Ok(())
    }
}

/// What a subscription has settled of a queue by now.
pub(crate) fn settled(
    connection: &Connection,
    subscription: &str,
    queue: i64,
) -> rusqlite::Result<Settled> {
    let mut select = connection.prepare_cached(
        "SELECT sequence, ahead FROM protean_cursor WHERE subscription = ?1 AND queue = ?2",
    )?;
    let found: Option<(u64, String)> = select
        .query_row(params![subscription, queue], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    found.map_or_else(
        || Ok(Settled::default()),
        |(upto, ahead)| parse(upto, &ahead),
    )
}

/// What a cursor row says.
pub(crate) fn parse(upto: u64, ahead: &str) -> rusqlite::Result<Settled> {
    Settled::parse(upto, ahead).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, error.into())
    })
}

fn timestamp(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    let micros: Option<i64> = row.get(at)?;
    Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
}

fn list_parked(
    connection: &Connection,
    subscription: &Subscription,
    lane: Lane,
    after: Option<Position>,
    count_max: usize,
) -> rusqlite::Result<Vec<Parked>> {
    let mut select = connection.prepare_cached(
        "SELECT p.position, m.key, p.due FROM protean_parked AS p
         JOIN protean_message AS m ON m.position = p.position
         WHERE p.subscription = ?1 AND p.stream = ?2 AND p.lane = ?3 AND p.position > ?4
         ORDER BY p.position LIMIT ?5",
    )?;
    let after = after.map_or(0, |position| position.0);
    let place = params![
        &*subscription.name,
        &*subscription.stream,
        lane_number(lane),
        after,
        count_max
    ];
    let found = select.query_map(place, |row| {
        Ok(Parked {
            position: Position(row.get(0)?),
            lane,
            key: row.get(1)?,
            due: timestamp(row, 2)?,
        })
    })?;
    found.collect()
}

fn one_parked(
    connection: &Connection,
    subscription: &Subscription,
    position: Position,
    interner: &mut Interner,
) -> rusqlite::Result<Option<Delivery>> {
    let sql = format!(
        "SELECT {COLUMNS}, p.lane, p.failures, p.failed_first FROM protean_parked AS p
         JOIN protean_message AS m ON m.position = p.position
         JOIN protean_queue AS q ON q.id = m.queue
         WHERE p.subscription = ?1 AND p.stream = ?2 AND p.position = ?3"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let place = params![&*subscription.name, &*subscription.stream, position.0];
    let delivery = |row: &Row<'_>| {
        let logged = message::read(row, interner)?;
        Ok(Delivery {
            lane: lane_of(row.get(message::COLUMN_COUNT)?).unwrap_or(Lane::Backfill),
            place: Place::Parked,
            position,
            failures: row.get(message::COLUMN_COUNT + 1)?,
            failed_first: timestamp(row, message::COLUMN_COUNT + 2)?,
            message: Arc::new(logged.message),
        })
    };
    select.query_row(place, delivery).optional()
}
