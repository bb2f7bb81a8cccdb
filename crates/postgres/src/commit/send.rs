//! The last round of an attempt, on its way.

use deadpool_postgres::Client;
use protean_core::port;
use protean_core::port::store::{Commit, Write};
use tokio_postgres::Error;
use tokio_postgres::types::ToSql;

use super::attempt::Attempt;
use super::last::{Answers, Last};
use super::sets::{Set, gather, lent};
use super::statements::Statements;
use super::way::Way;
use super::whole::{Alone, Part, Whole, are_apart, is_unmet};
use crate::value::Parameter;

/// Changes that have to be written, as arrays, and how many they are.
struct Changes<'s, 'c> {
    set: &'s Set<'c>,
    arrays: Vec<Parameter>,
    count: i64,
}

/// Why a round has no answers.
pub(super) enum Unsent {
    /// A value has no place in its column.
    Value(port::Error),
    /// The database says no, or nothing.
    Failed(Error),
}

impl From<Error> for Unsent {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a last round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// The only one, which begins and commits.
    Only,
    /// The second one, which commits.
    Second,
    /// The second one, after which somebody looks at the answers and commits.
    Open,
}

impl Attempt<'_> {
    /// Sends the rows that are not written yet, of which each has to be written, and the statements
    /// that every transaction ends with; answers those.
    pub(super) async fn send_last(
        &self,
        client: &Client,
        last: &Last,
        round: Round,
    ) -> Result<Answers, Unsent> {
        let along = gather(self.companions.writes());
        let own = self.sets.iter().filter(|_| round == Round::Only);
        let sets: Vec<&Set<'_>> = own.chain(&along).collect();
        let trust = &self.database.inner.committers.queues.trust;
        let may = round == Round::Only && self.way == Way::AtOnce && trust.holds();
        if let Some(alone) = last.alone().filter(|_| may && are_apart(&sets)) {
            return self.send_whole(client, (last, alone), &sets).await;
        }
        let changes = sets.into_iter().map(|set| {
            let (arrays, count) = (set.arrays()?, set.count());
            Ok(Changes { set, arrays, count })
        });
        let changes: Vec<Changes<'_, '_>> =
            changes.collect::<Result<_, _>>().map_err(Unsent::Value)?;
        let catalog = &self.database.inner.catalog;
        let mut batch = Statements::new(client);
        if round == Round::Only {
            batch.begin();
        }
        let cursors = last.cursors();
        for (sql, wanted, parameters) in &cursors {
            batch.add(*wanted, sql, parameters).await?;
        }
        for Changes { set, arrays, count } in &changes {
            let statement = set.prepare_whole(client, catalog, arrays.len()).await?;
            let mut parameters = lent(arrays);
            parameters.push(count as &(dyn ToSql + Sync));
            batch.add_prepared(statement, parameters);
        }
        for (sql, wanted, parameters) in last.statements() {
            batch.add(wanted, sql, &parameters).await?;
        }
        if round != Round::Open {
            batch.commit();
        }
        self.tell(&mut batch).await?;
        let mut answers = self.send(batch).await?;
        Ok(last.answers(answers.split_off(cursors.len() + changes.len())))
    }

    /// Sends all of a transaction that publishes one message as one statement.
    async fn send_whole(
        &self,
        client: &Client,
        (last, alone): (&Last, Alone<'_>),
        sets: &[&Set<'_>],
    ) -> Result<Answers, Unsent> {
        let inner = &self.database.inner;
        let parts = sets.iter().map(|set| Part::of(set, &inner.catalog));
        let parts: Vec<Part<'_>> = parts.collect::<Result<_, _>>().map_err(Unsent::Value)?;
        let (sql, parameters) = Whole::of(last, alone, &parts).statement(&inner.committers.wholes);
        let mut batch = Statements::new(client);
        batch.add(true, &sql, &parameters).await?;
        self.tell(&mut batch).await?;
        let sent = self.send(batch).await;
        let trust = &inner.committers.queues.trust;
        trust.judge(!sent.as_ref().is_err_and(is_unmet));
        Ok(Answers {
            grown: 1,
            written: sent?,
        })
    }

    /// Has other processes hear of it in the same breath, where that is the way.
    async fn tell(&self, batch: &mut Statements<'_>) -> Result<(), Error> {
        if self.way == Way::AtOnce
            && let Some(letter) = self.database.inner.bell.letter(&self.publication.news)
        {
            batch.trail(letter).await?;
        }
        Ok(())
    }
}

/// The changes of commits, each with the number of its commit.
pub(super) fn numbered<'c>(commits: &[&'c Commit]) -> impl Iterator<Item = (usize, &'c Write)> {
    let commits = commits.iter().copied().enumerate();
    commits.flat_map(|(nth, commit)| commit.writes.iter().map(move |write| (nth, write)))
}
