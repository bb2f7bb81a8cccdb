//! Who may write next, among all processes that share a file.
//!
//! SQLite lets one writer in at a time and leaves the others to sleep and ask again, so that a
//! busy import starves everybody and no priority can be told. Here every writer first passes three
//! operating system locks, whose waiters the kernel wakes at once, and which vanish with their
//! process:
//!
//! - `turn`, held exclusively, is the right to write;
//! - `intent` is shared by primary writers from the moment they want to write until they have;
//! - `backfill` lets one backfill writer at a time get as far as waiting for the turn.
//!
//! A backfill writer waits until nobody holds the intent, and looks at it again between any two
//! messages of its transaction. So a primary writer waits for one backfill message at most, and for
//! its transaction to end (L2).
//!
//! While primary work is about, backfill writers also rest after each turn, all of them at once, so
//! that the lock, the disk and the processors are free for a part of the time. How long they rest is
//! the governor's to say (L4); its level is kept in a lock file, where whoever has a primary turn
//! moves it. Without primary work there is no rest (L5).

mod note;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use protean_core::Lane;
use protean_core::governor::{Judgement, Level, REST_MAX, Reading, Senses, Surroundings};

use note::{Rest, now};

/// Between two looks of a backfill writer that has only so much patience.
const LOOK_INTERVAL: Duration = Duration::from_micros(500);

/// One writer's way through the turnstile. Each writing thread has its own.
#[derive(Debug)]
pub struct Turnstile {
    turn: File,
    intent: File,
    backfill: File,
    patience: Option<Duration>,
}

/// The right to write, until it is dropped.
#[derive(Debug)]
pub struct Turn<'t> {
    turnstile: &'t Turnstile,
    lane: Lane,
    since: Duration,
}

impl Turnstile {
    /// A way through the turnstile whose lock files are in this folder.
    ///
    /// # Errors
    /// When a lock file cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let lock = |name| lock_file(&folder.join(name));
        Ok(Self {
            turn: lock("turn")?,
            intent: lock("intent")?,
            backfill: lock("backfill")?,
            patience: None,
        })
    }

    /// The same, but as a backfill writer it lets primary ones go first for this long at most.
    #[must_use]
    pub const fn with_patience(mut self, patience: Option<Duration>) -> Self {
        self.patience = patience;
        self
    }

    /// Waits for the right to write. Blocks the thread.
    ///
    /// # Errors
    /// When the operating system refuses a lock.
    pub fn enter(&self, lane: Lane) -> io::Result<Turn<'_>> {
        match lane {
            Lane::Primary => self.intent.lock_shared()?,
            Lane::Backfill => {
                self.backfill.lock()?;
                self.rest();
                self.give_way()?;
            }
        }
        self.turn.lock()?;
        Ok(Turn {
            turnstile: self,
            lane,
            since: now(),
        })
    }

    /// The right to write as a primary writer, when it is to be had without waiting for anybody.
    ///
    /// # Errors
    /// When the operating system refuses a lock.
    pub fn enter_at_once(&self) -> io::Result<Option<Turn<'_>>> {
        let free = |tried| match tried {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        };
        if !free(self.intent.try_lock_shared())? {
            return Ok(None);
        }
        if !free(self.turn.try_lock())? {
            self.intent.unlock()?;
            return Ok(None);
        }
        Ok(Some(Turn {
            turnstile: self,
            lane: Lane::Primary,
            since: now(),
        }))
    }

    /// How many pieces of backfill work may overlap now, of at most so many.
    #[must_use]
    pub fn overlap(&self, overlap_max: usize) -> usize {
        note::read_level(&self.intent).overlap(now(), overlap_max)
    }

    /// How long backfill rests after its handlers used a processor for so long.
    #[must_use]
    pub fn rest_after_handlers(&self, used: Duration) -> Duration {
        note::read_level(&self.intent).rest_after_handlers(now(), used, 1)
    }

    /// What there is to say of the level, and of what these senses judged.
    #[must_use]
    pub fn reading(&self, senses: &Senses) -> Reading {
        senses.reading(&note::read_level(&self.intent), now())
    }

    /// Keeps all backfill writers from their turns while `work` is done, but no primary writer.
    ///
    /// # Errors
    /// When the operating system refuses a lock.
    pub fn without_backfill<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        self.backfill.lock()?;
        let result = work();
        self.backfill.unlock()?;
        Ok(result)
    }

    /// Waits until nobody holds the intent, or patience is over; nothing is kept of it.
    fn give_way(&self) -> io::Result<()> {
        let Some(patience) = self.patience else {
            self.intent.lock()?;
            return self.intent.unlock();
        };
        let since = now();
        while now().saturating_sub(since) < patience {
            match self.intent.try_lock() {
                Ok(()) => return self.intent.unlock(),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK_INTERVAL),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sleeps for what the last backfill writer left to rest.
    fn rest(&self) {
        let Rest { until, .. } = note::read_rest(&self.backfill);
        std::thread::sleep(until.saturating_sub(now()).min(REST_MAX));
    }
}

impl Turn<'_> {
    /// Whether a primary writer of any process waits for this turn to end. Only for turns of the
    /// backfill lane: a primary turn is its own intent.
    #[must_use]
    pub fn primary_waits(&self) -> bool {
        match self.turnstile.intent.try_lock() {
            Ok(()) => {
                self.turnstile.intent.unlock().ok();
                false
            }
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(_)) => false,
        }
    }
}

impl Turn<'_> {
    /// Whether a primary writer of any process had a turn lately.
    #[must_use]
    pub fn primary_is_about(&self) -> bool {
        self.level().is_production_about(self.since)
    }

    /// How much of its turns backfill has.
    fn level(&self) -> Level {
        note::read_level(&self.turnstile.intent)
    }

    /// Leaves word that primary work is about, and how `judge` found it, given what it has around
    /// it. Not every turn of the primary lane is that: making tables is not. Only in a primary turn,
    /// which nobody else has meanwhile.
    pub fn tell_of_primary(&self, judge: impl FnOnce(Surroundings) -> Judgement) {
        let Rest { since, .. } = note::read_rest(&self.turnstile.backfill);
        let mut level = self.level();
        let judgement = judge(level.surroundings(self.since, Some(since)));
        level.hear(now(), judgement);
        note::write_level(&self.turnstile.intent, level);
    }

    /// Leaves word how long backfill writers have to rest after this turn.
    fn leave_rest(&self) {
        if self.lane == Lane::Backfill {
            let since = now();
            let turn = since.saturating_sub(self.since);
            let rest = self.level().rest_after(since, turn);
            let until = since + rest;
            note::write_rest(&self.turnstile.backfill, Rest { since, until });
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.leave_rest();
        let Turnstile {
            turn,
            intent,
            backfill,
            ..
        } = self.turnstile;
        let held = match self.lane {
            Lane::Primary => intent,
            Lane::Backfill => backfill,
        };
        for lock in [turn, held] {
            if let Err(error) = lock.unlock() {
                tracing::error!(%error, "a lock of the turnstile cannot be released");
            }
        }
    }
}

/// A file that is only there to be locked.
pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_primary_writer_is_seen_by_the_backfill_turn_and_goes_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let backfill = Turnstile::open(folder.path()).unwrap();
        let turn = backfill.enter(Lane::Backfill).unwrap();
        assert!(!turn.primary_waits());

        let (order, entered) = mpsc::channel();
        let path = folder.path().to_owned();
        let spawn = |lane| {
            let (path, order) = (path.clone(), order.clone());
            thread::spawn(move || {
                let turnstile = Turnstile::open(&path).unwrap();
                let _turn = turnstile.enter(lane).unwrap();
                order.send(lane).unwrap();
            })
        };
        let bulk = spawn(Lane::Backfill);
        let urgent = spawn(Lane::Primary);
        while !turn.primary_waits() {
            thread::yield_now();
        }
        drop(turn);
        let order: Vec<Lane> = entered.iter().take(2).collect();
        assert_eq!(order, [Lane::Primary, Lane::Backfill]);
        bulk.join().unwrap();
        urgent.join().unwrap();
    }

    #[test]
    fn l5_backfill_rests_while_primary_work_is_about_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let turnstile = Turnstile::open(folder.path()).unwrap();
        let rest_after = |turn: Turn<'_>| {
            // sleep: a turn has to have a length
            thread::sleep(Duration::from_millis(2));
            drop(turn);
            note::read_rest(&turnstile.backfill)
                .until
                .saturating_sub(now())
        };
        let turn = turnstile.enter(Lane::Backfill).unwrap();
        assert_eq!(rest_after(turn), Duration::ZERO, "nobody is about");
        drop(turnstile.enter(Lane::Primary).unwrap());
        let turn = turnstile.enter(Lane::Backfill).unwrap();
        assert_eq!(rest_after(turn), Duration::ZERO, "nobody left word");
        let late = Judgement {
            in_time: 0,
            late: 3,
        };
        turnstile
            .enter(Lane::Primary)
            .unwrap()
            .tell_of_primary(|_| late);
        let turn = turnstile.enter(Lane::Backfill).unwrap();
        let rest = rest_after(turn);
        assert!(
            rest > Duration::from_millis(1) && rest <= REST_MAX,
            "{rest:?}"
        );
        let before = now();
        drop(turnstile.enter(Lane::Primary).unwrap());
        assert!(now() - before < rest, "primary waits for nobody's rest");
        drop(turnstile.enter(Lane::Backfill).unwrap());
        assert!(now() >= before + rest / 2, "backfill does");
    }

    #[test]
    fn whoever_enters_at_once_waits_for_nobody_and_leaves_nothing_locked() {
        let folder = tempfile::tempdir().unwrap();
        let one = Turnstile::open(folder.path()).unwrap();
        let other = Turnstile::open(folder.path()).unwrap();
        for lane in Lane::ALL {
            let turn = one.enter(lane).unwrap();
            assert!(other.enter_at_once().unwrap().is_none());
            if lane == Lane::Backfill {
                assert!(!turn.primary_waits(), "who went away wants nothing");
            }
        }
        let turn = other.enter_at_once().unwrap().unwrap();
        assert!(one.enter_at_once().unwrap().is_none());
        drop(turn);
        drop(one.enter(Lane::Backfill).unwrap());
    }

    #[test]
    fn l6_a_backfill_writer_with_little_patience_is_not_starved() {
        let folder = tempfile::tempdir().unwrap();
        let always = Turnstile::open(folder.path()).unwrap();
        always.intent.lock_shared().unwrap();
        let patience = Some(Duration::from_millis(2));
        let backfill = Turnstile::open(folder.path())
            .unwrap()
            .with_patience(patience);
        let turn = backfill.enter(Lane::Backfill).unwrap();
        assert!(turn.primary_waits());
    }

    #[test]
    fn a_dropped_turnstile_leaves_nothing_locked() {
        let folder = tempfile::tempdir().unwrap();
        for lane in [Lane::Primary, Lane::Backfill, Lane::Primary] {
            let turnstile = Turnstile::open(folder.path()).unwrap();
            drop(turnstile.enter(lane).unwrap());
        }
    }
}
