//! What is measured of one peer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use protean_benchmarks::figures::Figures;
use protean_benchmarks::schedule::Schedule;

use crate::memory::Memory;
use crate::peer::Peer;
use crate::place::Place;
use crate::urgent::{Urgent, place_orders};

/// How long it may take until the first book is in.
const FIRST_BOOK_MAX: Duration = Duration::from_secs(60);

/// Between two looks at books, at least and at most; a look reads an index to its end.
const LOOK_MIN: Duration = Duration::from_millis(10);
const LOOK_MAX: Duration = Duration::from_millis(500);

/// What a measurement with orders takes besides what was asked for, and the bulk goes on meanwhile.
const MARGIN: Duration = Duration::from_secs(6);

/// How a peer is measured.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) peer: Peer,
    /// Where our own programs are, and those of others.
    pub(crate) own: PathBuf,
    pub(crate) peers: PathBuf,
    pub(crate) rows: u64,
    /// How long the books may take.
    pub(crate) patience: Duration,
    pub(crate) schedule: Schedule,
}

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) idle: Orders,
    pub(crate) bulk: Bulk,
    pub(crate) busy: Orders,
    pub(crate) busy_books_per_second: f64,
    /// Whether all books were in before all orders were due.
    pub(crate) bulk_ended: bool,
}

/// When orders could be seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Orders {
    /// From the instant at which an order was due, in milliseconds.
    pub(crate) visible: Figures,
    /// Those that could not be seen in time.
    pub(crate) missed: u64,
}

/// Books alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bulk {
    /// How many came in before patience ended.
    pub(crate) books: u64,
    pub(crate) took: Duration,
    /// Of all processes of the peer.
    pub(crate) memory_bytes: u64,
    /// Of Redis, where there is one.
    pub(crate) redis_bytes: Option<u64>,
}

impl Bulk {
    #[allow(
        clippy::cast_precision_loss,
        reason = "a catalog has far less than 2^52 rows"
    )]
    pub(crate) fn rate(&self) -> f64 {
        self.books as f64 / self.took.as_secs_f64()
    }
}

impl Trial {
    /// Orders and then books in one place, orders among books in another. Blocks the thread.
    ///
    /// # Errors
    /// When something cannot be started, or ends.
    pub(crate) fn run(&self) -> Result<Measured> {
        let mut place = self.place()?;
        let idle = place_orders(&mut place, self.schedule)?;
        let bulk = self.bulk(&mut place)?;
        drop(place);
        let (busy, bulk_ended) = self.busy(&bulk)?;
        Ok(Measured {
            idle: Orders::of(&idle),
            bulk,
            busy: Orders::of(&busy),
            busy_books_per_second: busy.books_per_second,
            bulk_ended,
        })
    }

    fn place(&self) -> Result<Place> {
        Place::start(self.peer, &self.own, &self.peers)
    }

    /// From the start of the program that asks for the books until all of them are in.
    fn bulk(&self, place: &mut Place) -> Result<Bulk> {
        let mut memory = Memory::default();
        place.write_catalog(self.rows)?;
        let started = Instant::now();
        let mut enqueue = place.enqueue()?;
        let [worker, submitter] = place.groups();
        let groups = [worker, submitter, enqueue.group()];
        let (mut books, mut took) = (0, Duration::ZERO);
        while books < self.rows && took < self.patience {
            // sleep: the looks themselves take a processor, so there are few
            std::thread::sleep(pause(books, self.rows, took));
            enqueue.is_running()?;
            ensure!(place.works()?, "the worker ended");
            memory.look(&groups);
            books = place.looks.books()?;
            took = started.elapsed();
        }
        Ok(Bulk {
            books,
            took,
            memory_bytes: memory.bytes(),
            redis_bytes: place.services.redis_peak_bytes()?,
        })
    }

    /// Orders while so many books are taken in that they last; and whether they did not.
    fn busy(&self, bulk: &Bulk) -> Result<(Urgent, bool)> {
        let mut place = self.place()?;
        let rows = self
            .rows
            .max(lasting(bulk.rate(), self.schedule.duration() + MARGIN));
        place.write_catalog(rows)?;
        let mut enqueue = place.enqueue()?;
        let started = Instant::now();
        while place.looks.books()? == 0 {
            ensure!(started.elapsed() < FIRST_BOOK_MAX, "no book came in");
            enqueue.is_running()?;
            // sleep: the resolution of what is not measured
            std::thread::sleep(LOOK_MIN);
        }
        let urgent = place_orders(&mut place, self.schedule)?;
        enqueue.is_running()?;
        let ended = place.looks.books()? >= rows;
        Ok((urgent, ended))
    }
}

/// How many books are enough for so long.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is positive, and far below 2^52"
)]
fn lasting(rate: f64, time: Duration) -> u64 {
    (rate * time.as_secs_f64()).ceil() as u64
}

/// How long to wait for the next look: a part of what is left, if it goes on like that.
#[allow(
    clippy::cast_precision_loss,
    reason = "a catalog has far less than 2^52 rows"
)]
fn pause(books: u64, rows: u64, took: Duration) -> Duration {
    let left = rows.saturating_sub(books) as f64 / books.max(1) as f64;
    let wait = took.as_secs_f64() * left / 4.0;
    Duration::from_secs_f64(wait.min(LOOK_MAX.as_secs_f64())).clamp(LOOK_MIN, LOOK_MAX)
}

impl Orders {
    fn of(urgent: &Urgent) -> Self {
        Self {
            visible: Figures::of(&urgent.seen.times),
            missed: urgent.seen.missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looks_come_closer_towards_the_end() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(0, 1_000, Duration::ZERO), LOOK_MIN);
        assert_eq!(pause(10, 1_000, second), LOOK_MAX);
        assert_eq!(pause(500, 1_000, second), Duration::from_millis(250));
        assert_eq!(pause(999, 1_000, second), LOOK_MIN);
    }

    #[test]
    fn a_bulk_lasts_as_long_as_it_has_to() {
        assert_eq!(lasting(1_000.0, Duration::from_millis(1_500)), 1_500);
    }
}
