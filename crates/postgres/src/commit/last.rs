//! What a transaction ends with, apart from the rows of tables: the statements that every one has.

use deadpool_postgres::Client;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::publish::{Arrays, INSERT, LOCK_QUEUES, MOVE_QUEUES, Publication};
use super::settle::{BURY, Deaths, FORGET_KEYS, MOVE_CURSORS, Moved, PARK, Parkings, Settlements};
use super::statements::Statements;
use crate::Postgres;
use crate::trace::{TRACE, Traces};

/// What the statements of the last round are given.
pub(super) struct Last {
    moved: Moved,
    parkings: Parkings,
    deaths: Deaths,
    withdrawn: Vec<i64>,
    traces: Traces,
    arrays: Vec<Arrays>,
    pub(super) queue_ids: Vec<i64>,
    counts: Vec<i64>,
}

/// Which answer is looked at, by the number of its statement, and from which one on those are that
/// insert messages.
pub(super) const MOVED_QUEUES: usize = 4;
const INSERTED: usize = 5;

/// A statement, whether it is needed, and what it is given.
type Asked<'l> = (&'static str, bool, Vec<&'l (dyn ToSql + Sync)>);

impl Last {
    /// Of messages no statement writes more than so many, if that is bounded.
    pub(super) fn of(
        database: &Postgres,
        settlements: &Settlements<'_>,
        publication: &Publication<'_>,
        rows_max: Option<usize>,
    ) -> Self {
        let inner = &database.inner;
        let (arrays, counts) = publication.arrays(&inner.committers.queues, rows_max);
        let (queue_ids, counts) = counts.into_iter().unzip();
        Self {
            moved: settlements.moved(),
            parkings: settlements.parkings(&inner.consumers),
            deaths: settlements.deaths(),
            withdrawn: settlements.withdrawn(),
            traces: settlements.traces(),
            arrays,
            queue_ids,
            counts,
        }
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = Asked<'_>> {
        let (ids, publishes) = (&self.queue_ids, !self.queue_ids.is_empty());
        let (moves, forgets) = (!self.moved.queues.is_empty(), !self.withdrawn.is_empty());
        let (parks, buries) = (&self.parkings.places, &self.deaths.places);
        let before: [Asked<'_>; INSERTED] = [
            (MOVE_CURSORS, moves, self.moved.parameters().to_vec()),
            (PARK, !parks.is_empty(), self.parkings.parameters().to_vec()),
            (BURY, !buries.is_empty(), self.deaths.parameters().to_vec()),
            (LOCK_QUEUES, ids.len() > 1, vec![ids]),
            (MOVE_QUEUES, publishes, vec![ids, &self.counts]),
        ];
        let arrays = self.arrays.iter();
        let inserts = arrays.map(move |one| (INSERT, publishes, one.parameters().to_vec()));
        let after: [Asked<'_>; 2] = [
            (FORGET_KEYS, forgets, vec![&self.withdrawn]),
            (
                TRACE,
                !self.traces.is_empty(),
                self.traces.parameters().to_vec(),
            ),
        ];
        before.into_iter().chain(inserts).chain(after)
    }

    /// The answers of the statements that insert messages.
    pub(super) fn inserted<'a>(&self, answers: &'a [Vec<Row>]) -> &'a [Vec<Row>] {
        &answers[INSERTED..INSERTED + self.arrays.len()]
    }
}

/// Has a connection that is new know the statements, and PostgreSQL plan them, before a transaction
/// has anything locked that others wait for: each takes a round trip and a part of a millisecond.
pub(super) async fn warm(database: &Postgres, client: &Client) -> Result<(), Error> {
    if client.statement_cache.size() > 0 {
        return Ok(());
    }
    let last = Last::of(database, &Settlements::of(&[]), &Publication::empty(), None);
    let mut batch = Statements::new(client);
    for (sql, _, parameters) in last.statements() {
        batch.add(true, sql, &parameters).await?;
    }
    batch.send().await.map(drop)
}
