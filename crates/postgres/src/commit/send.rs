//! The last round of an attempt, on its way.

use deadpool_postgres::Client;
use protean_core::port;
use protean_core::port::store::{Commit, Write};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::attempt::Attempt;
use super::last::Last;
use super::sets::{Set, gather, lent};
use super::statements::Statements;
use super::way::Way;
use crate::value::Parameter;

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
    ) -> Result<Vec<Vec<Row>>, Unsent> {
        let along = gather(self.companions.writes());
        let own = self.sets.iter().filter(|_| round == Round::Only);
        let sets: Vec<&Set<'_>> = own.chain(&along).collect();
        let arrays = sets.iter().map(|set| set.arrays());
        let arrays: Vec<Vec<Parameter>> =
            arrays.collect::<Result<_, _>>().map_err(Unsent::Value)?;
        let counts: Vec<i64> = sets.iter().map(|set| set.count()).collect();
        let mut batch = Statements::new(client);
        if round == Round::Only {
            batch.begin();
        }
        let cursors = last.cursors();
        for (sql, wanted, parameters) in &cursors {
            batch.add(*wanted, sql, parameters).await?;
        }
        for ((set, arrays), count) in sets.iter().zip(&arrays).zip(&counts) {
            let catalog = &self.database.inner.catalog;
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
        if self.way == Way::AtOnce {
            let told = self.database.inner.bell.letter(&self.publication.news);
            told.into_iter().for_each(|letter| batch.trail(letter));
        }
        let mut answers = self.send(batch).await?;
        Ok(answers.split_off(cursors.len() + sets.len()))
    }
}

/// The changes of commits, each with the number of its commit.
pub(super) fn numbered<'c>(commits: &[&'c Commit]) -> impl Iterator<Item = (usize, &'c Write)> {
    let commits = commits.iter().copied().enumerate();
    commits.flat_map(|(nth, commit)| commit.writes.iter().map(move |write| (nth, write)))
}
