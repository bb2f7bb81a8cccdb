//! What a transaction ends with, apart from the rows of tables: the statements that every one has.

use deadpool_postgres::Client;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::along::Companions;
use super::cursors::Moved;
use super::insert::{INSERT_ONE, INSERT_WITH_KEYS, LOCK_QUEUES, MOVE_QUEUE, MOVE_QUEUES};
use super::known::Known;
use super::publish::{Arrays, Publication};
use super::settle::{
    BURY, Deaths, FORGET_KEYS, GUESS_CURSOR, MOVE_CURSORS, PARK, Parkings, Settlements,
};
use super::statements::Statements;
use super::whole::{Alone, PUBLISH};
use crate::Postgres;
use crate::bell::SEND_LETTER;
use crate::trace::Traces;

/// What the statements of the last round are given.
pub(super) struct Last {
    moved: Moved,
    /// How cursors are moved: those that are locked, or those that are guessed.
    cursors: &'static str,
    parkings: Parkings,
    deaths: Deaths,
    withdrawn: Vec<i64>,
    traces: Traces,
    arrays: Vec<Arrays>,
    pub(super) queue_ids: Vec<i64>,
    counts: Vec<i64>,
    /// Where each of the queues has to be before.
    heads: Vec<Option<i64>>,
}

/// Which answer is looked at, by the number of its statement, and from which one on those are that
/// insert messages.
const MOVED_QUEUES: usize = 3;
const INSERTED: usize = 4;

/// What the last round has answered.
pub(super) struct Answers {
    /// How many queues were moved.
    pub(super) grown: usize,
    /// What the statements said that insert messages.
    pub(super) written: Vec<Vec<Row>>,
}

/// A statement, whether it is needed, and what it is given.
type Asked<'l> = (&'static str, bool, Vec<&'l (dyn ToSql + Sync)>);

impl Last {
    /// Of messages no statement writes more than so many, if that is bounded.
    pub(super) fn of(
        database: &Postgres,
        settlements: &Settlements<'_>,
        (publication, rows_max): (&Publication<'_>, Option<usize>),
        (companions, moved): (&Companions<'_>, Moved),
    ) -> Self {
        let inner = &database.inner;
        let (arrays, counts) = publication.arrays(&inner.committers.queues, rows_max);
        let (queue_ids, counts): (Vec<i64>, Vec<i64>) = counts.into_iter().unzip();
        let heads = queue_ids.iter().map(|id| companions.heads.get(id).copied());
        Self {
            heads: heads.collect(),
            moved,
            cursors: MOVE_CURSORS,
            parkings: settlements.parkings(&inner.consumers),
            deaths: settlements.deaths(),
            withdrawn: settlements.withdrawn(),
            traces: settlements.traces(&companions.settlements),
            arrays,
            queue_ids,
            counts,
        }
    }

    /// Has it guess where cursors are.
    pub(super) fn guessing(self) -> Self {
        Self {
            cursors: GUESS_CURSOR,
            ..self
        }
    }

    /// Those that move cursors, and have to be the first: everybody locks them before rows.
    pub(super) fn cursors(&self) -> Vec<Asked<'_>> {
        let asked = |parameters| (self.cursors, true, parameters);
        match self.cursors {
            GUESS_CURSOR => self.moved.guesses().map(asked).collect(),
            _ if self.moved.is_empty() => Vec::new(),
            _ => vec![asked(self.moved.parameters().to_vec())],
        }
    }

    /// Whether cursors are moved.
    pub(super) fn moves(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Has what is known of cursors follow, once it is durable.
    pub(super) fn learn(&self, known: &Known) {
        self.moved.learn(known);
    }

    /// The parameters of [`GUESS_CURSOR`], for each cursor.
    pub(super) fn guesses(&self) -> impl Iterator<Item = Vec<&(dyn ToSql + Sync)>> {
        self.moved.guesses()
    }

    /// The parameters of [`INSERT_ONE`] and where the queue has to be before, when one message is
    /// published and nothing is set aside, given up or withdrawn.
    pub(super) fn alone(&self) -> Option<Alone<'_>> {
        let ([arrays], [1], [head]) = (&*self.arrays, &*self.counts, &*self.heads) else {
            return None;
        };
        let nothing_else = self.parkings.places.is_empty()
            && self.deaths.places.is_empty()
            && self.withdrawn.is_empty();
        (nothing_else && arrays.is_one()).then(|| (arrays.of_one(), head))
    }

    /// The one that says what was done, if anything was; usually that is little.
    pub(super) fn trace_of_few(&self) -> Option<(&'static str, Vec<&(dyn ToSql + Sync)>)> {
        let few = self.traces.statement_of_few();
        few.or_else(|| (!self.traces.is_empty()).then(|| self.traces.statement()))
    }

    /// The one that moves queues.
    fn queues(&self) -> Asked<'_> {
        match (&*self.queue_ids, &*self.counts, &*self.heads) {
            ([id], [1], [head]) => (MOVE_QUEUE, true, vec![id, head]),
            (ids, ..) => {
                let parameters: [&(dyn ToSql + Sync); 3] =
                    [&self.queue_ids, &self.counts, &self.heads];
                (MOVE_QUEUES, !ids.is_empty(), parameters.to_vec())
            }
        }
    }

    /// The others.
    pub(super) fn statements(&self) -> impl Iterator<Item = Asked<'_>> {
        let (ids, publishes) = (&self.queue_ids, !self.queue_ids.is_empty());
        let forgets = !self.withdrawn.is_empty();
        let (trace, traced) = self.traces.statement();
        let (parks, buries) = (&self.parkings.places, &self.deaths.places);
        let before: [Asked<'_>; INSERTED] = [
            (PARK, !parks.is_empty(), self.parkings.parameters().to_vec()),
            (BURY, !buries.is_empty(), self.deaths.parameters().to_vec()),
            (LOCK_QUEUES, ids.len() > 1, vec![ids]),
            self.queues(),
        ];
        let arrays = self.arrays.iter();
        let inserts = arrays.map(move |one| {
            let (sql, parameters) = one.statement();
            (sql, publishes, parameters)
        });
        let after: [Asked<'_>; 2] = [
            (FORGET_KEYS, forgets, vec![&self.withdrawn]),
            (trace, !self.traces.is_empty(), traced),
        ];
        before.into_iter().chain(inserts).chain(after)
    }

    /// What [`Last::statements`] have answered.
    pub(super) fn answers(&self, mut all: Vec<Vec<Row>>) -> Answers {
        let grown = all[MOVED_QUEUES].len();
        let mut written = all.split_off(INSERTED);
        written.truncate(self.arrays.len());
        Answers { grown, written }
    }
}

/// Has a connection that is new know the statements, and PostgreSQL plan them, before a transaction
/// has anything locked that others wait for: each takes a round trip and a part of a millisecond.
pub(super) async fn warm(database: &Postgres, client: &Client) -> Result<(), Error> {
    if client.statement_cache.size() > 0 {
        return Ok(());
    }
    let along = (&Companions::default(), Moved::default());
    let nothing = (&Publication::empty(), None);
    let last = Last::of(database, &Settlements::of(&[]), nothing, along);
    let (nowhere, none, many) = (Arrays::nowhere(), Moved::default(), Arrays::default());
    let mut batch = Statements::new(client);
    batch.add(true, MOVE_CURSORS, &none.parameters()).await?;
    for (sql, _, parameters) in last.statements() {
        batch.add(true, sql, &parameters).await?;
    }
    batch.add(true, MOVE_QUEUE, &[&0_i64, &None::<i64>]).await?;
    batch.add(true, INSERT_ONE, &nowhere.of_one()).await?;
    batch.add(true, &PUBLISH, &nowhere.of_one()).await?;
    batch
        .add(true, INSERT_WITH_KEYS, &many.parameters())
        .await?;
    batch.send().await?;
    // These cannot be executed on nothing.
    for sql in [GUESS_CURSOR, SEND_LETTER] {
        client.prepare_cached(sql).await?;
    }
    Ok(())
}
