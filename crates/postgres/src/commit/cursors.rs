//! The cursors that a transaction moves, in the order in which everybody locks them.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::types::ToSql;

use super::along::Companions;
use super::known::Known;
use super::settle::{Cursor, CursorKey, Settlements};
use crate::message::column;

/// The arrays of [`LOCK_CURSORS`](super::settle::LOCK_CURSORS).
#[derive(Default)]
pub(super) struct Locks {
    names: Vec<String>,
    queues: Vec<i64>,
    streams: Vec<Option<String>>,
}

impl Locks {
    /// Of what is settled, and of what is to go along. What is settled and goes along at once does
    /// not go along.
    pub(super) fn of(settlements: &Settlements<'_>, companions: &Companions<'_>) -> Self {
        let along = companions
            .cursors()
            .map(|(key, stream)| (key, Some(stream)));
        let settled = settlements.keys().map(|key| (key, None));
        let all: BTreeMap<&CursorKey, Option<&str>> = along.chain(settled).collect();
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|((name, queue), _)| (*queue, name.as_str()));
        let mut locks = Self::default();
        for ((name, queue), stream) in all {
            locks.names.push(name.clone());
            locks.queues.push(*queue);
            locks.streams.push(stream.map(str::to_owned));
        }
        locks
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.names, &self.queues, &self.streams]
    }

    /// Where the cursors are believed to be; none when nothing is known of one.
    pub(super) fn believed(&self, known: &Known) -> Option<HashMap<CursorKey, Cursor>> {
        let keys = self.names.iter().cloned().zip(self.queues.iter().copied());
        keys.map(|key| {
            let upto = known.upto(&key)?;
            Some((key, Cursor::believed(upto)))
        })
        .collect()
    }
}

/// The arrays of [`MOVE_CURSORS`](super::settle::MOVE_CURSORS).
#[derive(Default)]
pub(super) struct Moved {
    names: Vec<String>,
    queues: Vec<i64>,
    believed: Vec<i64>,
    sequences: Vec<i64>,
    ahead: Vec<String>,
    streams: Vec<Option<String>>,
}

impl Moved {
    /// What is settled and what goes along; the latter was at the heads of its queues.
    pub(super) fn of(
        settlements: &Settlements<'_>,
        companions: &Companions<'_>,
        before: &HashMap<CursorKey, Cursor>,
    ) -> Self {
        let streams: HashMap<&CursorKey, &str> = companions.cursors().collect();
        let settled = settlements.moved();
        let settled = settled.map(|(key, now)| (key, now.upto(), now.to_string(), None));
        let along = companions.moved.iter();
        let along = along.map(|(key, upto)| (key, *upto, String::new(), streams.get(key)));
        let mut all: Vec<_> = settled.chain(along).collect();
        all.sort_by_key(|((name, queue), ..)| (*queue, name.as_str()));
        let mut moved = Self::default();
        for (key, upto, ahead, stream) in all {
            let was = before.get(key).map_or(0, |cursor| cursor.settled.upto());
            moved.names.push(key.0.clone());
            moved.queues.push(key.1);
            moved.believed.push(column(was));
            moved.sequences.push(column(upto));
            moved.ahead.push(ahead);
            moved
                .streams
                .push(stream.map(|stream| (*stream).to_owned()));
        }
        moved
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Whether no cursor has anything beyond it.
    pub(super) fn is_plain(&self) -> bool {
        self.ahead.iter().all(String::is_empty)
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.names, &self.queues, &self.sequences, &self.ahead]
    }

    /// The parameters of [`GUESS_CURSOR`](super::settle::GUESS_CURSOR), for each cursor.
    pub(super) fn guesses(&self) -> impl Iterator<Item = Vec<&(dyn ToSql + Sync)>> {
        let guess = |nth: usize| -> [&(dyn ToSql + Sync); 5] {
            [
                &self.names[nth],
                &self.queues[nth],
                &self.believed[nth],
                &self.sequences[nth],
                &self.streams[nth],
            ]
        };
        (0..self.queues.len()).map(move |nth| guess(nth).to_vec())
    }

    /// Has what is known follow.
    pub(super) fn learn(&self, known: &Known) {
        let keys = self.names.iter().cloned().zip(self.queues.iter().copied());
        let keys: Vec<CursorKey> = keys.collect();
        let places = self.sequences.iter().zip(&self.ahead);
        let places = places.map(|(upto, ahead)| {
            let upto = u64::try_from(*upto).ok();
            upto.filter(|_| ahead.is_empty())
        });
        known.learn(keys.iter().zip(places));
    }
}
