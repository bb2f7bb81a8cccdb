//! What goes along with the commits of a transaction.
//!
//! What stands against it is looked for when cursors are locked. That nothing was published in
//! between is found out at the end, by statements that fail otherwise: then the transaction is
//! written again without it.

use std::collections::{BTreeMap, HashMap, HashSet};

use protean_core::Lane;
use protean_core::message::Message;
use protean_core::port::along::{Along, Since};
use protean_core::port::broker::{Place, Settlement, Verdict};
use protean_core::port::store::{Commit, Position, Write};
use tokio_postgres::Row;

use super::publish::{Queues, queue_key};
use super::settle::{Cursor, CursorKey, Settlements};
use crate::message::{column, number};

/// Which of some keys have a message in their queues beyond a number, by their places. Compared so
/// that only the index by keys will do, as for the last of a key.
pub(super) const SEEN: &str = "SELECT u.nth FROM unnest($1::text[], $2::bigint[], $3::bigint[])
        WITH ORDINALITY AS u(key, queue, since, nth)
    WHERE (SELECT m.sequence FROM protean_message AS m
        WHERE m.key IS NOT NULL AND (m.key, m.queue, m.sequence) > (u.key, u.queue, u.since)
            AND (m.key, m.queue) <= (u.key, u.queue)
        ORDER BY m.key, m.queue, m.sequence LIMIT 1) IS NOT NULL";

/// One message that is to go along.
struct Companion<'c> {
    along: &'c Along,
    lane: Lane,
    message: &'c Message,
    cursor: CursorKey,
    /// Its number among the messages of the transaction in its queue, from 1.
    number: u64,
    /// Whether an earlier commit of the transaction publishes something of its key.
    follows: bool,
}

/// What is to go along with the commits of one transaction.
#[derive(Default)]
pub(super) struct Companions<'c> {
    /// The commits that have some, by their numbers.
    all: Vec<(usize, Vec<Companion<'c>>)>,
    /// The commits of which it goes along.
    going: HashSet<usize>,
    /// How far subscriptions are afterwards.
    pub(super) moved: BTreeMap<CursorKey, u64>,
    /// What is settled.
    pub(super) settlements: Vec<Settlement>,
    /// Up to where queues have to be numbered before the transaction.
    pub(super) heads: HashMap<i64, i64>,
}

impl<'c> Companions<'c> {
    /// Of commits whose queues are known.
    pub(super) fn of(commits: &[&'c Commit], queues: &Queues) -> Self {
        let mut all = Vec::new();
        let mut counts: HashMap<i64, u64> = HashMap::new();
        let mut keys: HashSet<(i64, &str)> = HashSet::new();
        for (nth, commit) in commits.iter().copied().enumerate() {
            let mut places = Vec::with_capacity(commit.messages.len());
            for (lane, message) in &commit.messages {
                let queue = queues.find(&queue_key(crate::lanes::number(*lane), message));
                let queue = queue.unwrap_or_default();
                let count = counts.entry(queue).or_default();
                *count += 1;
                places.push((queue, *count));
            }
            let companion = |along: &'c Along| {
                let (lane, message) = commit.messages.get(along.message)?;
                let (queue, number) = *places.get(along.message)?;
                let key = message.key.as_deref();
                Some(Companion {
                    along,
                    lane: *lane,
                    message,
                    cursor: (along.subscription.name.to_string(), queue),
                    number,
                    follows: key.is_some_and(|key| keys.contains(&(queue, key))),
                })
            };
            let companions: Option<Vec<_>> = commit.along.iter().map(companion).collect();
            all.extend(
                companions
                    .filter(|one| !one.is_empty())
                    .map(|one| (nth, one)),
            );
            let messages = commit.messages.iter().zip(&places);
            keys.extend(
                messages.filter_map(|((_, one), (queue, _))| Some((*queue, one.key.as_deref()?))),
            );
        }
        Self {
            all,
            ..Self::default()
        }
    }

    /// Leaves out what would move a cursor that something is settled on.
    pub(super) fn beside(mut self, settlements: &Settlements<'_>) -> Self {
        let moves = |one: &Companion<'_>| !settlements.moves(&one.cursor);
        self.all
            .retain(|(_, companions)| companions.iter().all(moves));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each of them.
    fn each(&self) -> impl Iterator<Item = &Companion<'c>> {
        self.all.iter().flat_map(|(_, companions)| companions)
    }

    /// Each that goes along, with the number of its commit.
    fn each_going(&self) -> impl Iterator<Item = (usize, &Companion<'c>)> {
        let going = self.all.iter().filter(|(nth, _)| self.goes(*nth));
        going.flat_map(|(nth, companions)| companions.iter().map(|one| (*nth, one)))
    }

    /// The cursors that are needed, each with its stream.
    pub(super) fn cursors(&self) -> impl Iterator<Item = (&CursorKey, &str)> {
        self.each().map(|one| (&one.cursor, &*one.message.stream))
    }

    /// The parameters of [`SEEN`]; a message without a key has nothing before it.
    pub(super) fn seen(&self) -> (Vec<Option<&str>>, Vec<i64>, Vec<i64>) {
        let (mut keys, mut queues, mut sinces) = (Vec::new(), Vec::new(), Vec::new());
        for one in self.each() {
            keys.push(one.message.key.as_deref());
            queues.push(one.cursor.1);
            sinces.push(column(one.along.since.0));
        }
        (keys, queues, sinces)
    }

    /// Finds out what goes along, given the cursors and what [`SEEN`] has found.
    pub(super) fn decide(&mut self, cursors: &HashMap<CursorKey, Cursor>, seen: &HashSet<usize>) {
        *self = Self {
            all: std::mem::take(&mut self.all),
            ..Self::default()
        };
        let mut bases: HashMap<i64, u64> = HashMap::new();
        for ((_, queue), cursor) in cursors {
            let base = bases.entry(*queue).or_default();
            *base = cursor.settled.upto().max(*base);
        }
        let mut reached: HashMap<&CursorKey, u64> = HashMap::new();
        let mut places = 0..;
        for (nth, companions) in &self.all {
            let places: Vec<usize> = places.by_ref().take(companions.len()).collect();
            let before = reached.clone();
            let goes = companions.iter().zip(places).all(|(one, place)| {
                let Some(cursor) = cursors.get(&one.cursor) else {
                    return false;
                };
                let upto = cursor.settled.upto();
                let reached = reached.entry(&one.cursor).or_default();
                *reached += 1;
                let is_next = cursor.is_at(bases[&one.cursor.1]) && *reached == one.number;
                is_next && one.has_seen(upto, seen.contains(&place))
            });
            if goes {
                self.going.insert(*nth);
            } else {
                reached = before;
            }
        }
        let reached: Vec<(CursorKey, u64)> = reached
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(key, count)| (key.clone(), count))
            .collect();
        for (key, count) in reached {
            let base = bases[&key.1];
            self.heads.insert(key.1, column(base));
            self.moved.insert(key, base + count);
        }
        let settled = self.each_going();
        let settled = settled.map(|(_, one)| one.settlement(bases[&one.cursor.1]));
        self.settlements = settled.collect();
    }

    /// Whether all work has begun where its cursor is believed to be.
    pub(super) fn all_at(&self, believed: &HashMap<CursorKey, Cursor>) -> bool {
        self.each().all(|one| {
            let cursor = believed.get(&one.cursor);
            cursor.is_some_and(|cursor| cursor.settled.upto() == one.along.since.0)
        })
    }

    /// The changes of what goes along, each with the number of its commit.
    pub(super) fn writes(&self) -> impl Iterator<Item = (usize, &'c Write)> {
        let going = self.each_going();
        going.flat_map(|(nth, one)| one.along.writes.iter().map(move |write| (nth, write)))
    }

    /// Whether anything goes along.
    pub(super) fn any_goes(&self) -> bool {
        !self.going.is_empty()
    }

    /// Whether what belongs to a commit goes along with it.
    pub(super) fn goes(&self, commit: usize) -> bool {
        self.going.contains(&commit)
    }
}

/// What [`SEEN`] has found, by places.
pub(super) fn seen(rows: &[Row]) -> HashSet<usize> {
    let places = rows.iter().map(|row| row.get::<_, i64>(0) - 1);
    places
        .filter_map(|place| usize::try_from(place).ok())
        .collect()
}

impl Companion<'_> {
    /// Whether the work has seen what came of all earlier messages with its key.
    fn has_seen(&self, upto: u64, any_beyond: bool) -> bool {
        let Since(since) = self.along.since;
        let all = since == upto || since < upto && !any_beyond;
        all && !self.follows
    }

    fn settlement(&self, base: u64) -> Settlement {
        Settlement {
            subscription: self.along.subscription.clone(),
            lane: self.lane,
            place: Place::Queue {
                queue: number(self.cursor.1),
                sequence: base + self.number,
            },
            // Whoever settles a message in its queue is not asked for it.
            position: Position(0),
            verdict: Verdict::Done,
            handling: Some(self.along.handling.clone()),
        }
    }
}
