//! The first round of an attempt: what has to be known before the rest.

use deadpool_postgres::Client;
use protean_core::port::store::Refused;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::along::SEEN;
use super::attempt::{Abort, Attempt};
use super::cursors::Locks;
use super::fate::{OWN, Own};
use super::insert::KNOWN_KEYS;
use super::sets::{Set, lent};
use super::settle::{LOCK_CURSORS, MAKE_CURSORS, UNPARK};
use super::statements::Statements;
use crate::value::Parameter;

/// What the first round of statements answered.
pub(super) struct FirstRound {
    pub(super) own: Own,
    pub(super) known_keys: Vec<Row>,
    pub(super) cursors: Vec<Row>,
    pub(super) seen: Vec<Row>,
    pub(super) unparked: Vec<Row>,
    pub(super) written: Vec<Vec<Row>>,
}

impl Attempt<'_> {
    /// Begins, and sends all that needs no answer first: the locks of cursors, and the rows.
    pub(super) async fn first_round(&self, client: &Client) -> Result<FirstRound, Abort> {
        let abort = |error: Error| self.abort(&error);
        let locks = Locks::of(&self.settlements, &self.companions);
        let (along_keys, along_queues, sinces) = self.companions.seen();
        let (parked_names, parked_streams, positions) = self.settlements.parked_keys();
        let keys: Vec<&[u8]> = self
            .publication
            .keys
            .iter()
            .map(<[u8; 16]>::as_slice)
            .collect();
        let arrays = self.arrays()?;
        let mut batch = Statements::new(client);
        batch.begin();
        batch.add(true, OWN, &[]).await.map_err(abort)?;
        let parked: [&(dyn ToSql + Sync); 3] = [&parked_names, &parked_streams, &positions];
        let wanted = !keys.is_empty();
        batch
            .add(wanted, KNOWN_KEYS, &[&keys])
            .await
            .map_err(abort)?;
        let wanted = !locks.is_empty();
        batch
            .add(wanted, LOCK_CURSORS, &locks.parameters())
            .await
            .map_err(abort)?;
        // After the locks: it sees what those before have done.
        let wanted = !sinces.is_empty();
        let along: [&(dyn ToSql + Sync); 3] = [&along_keys, &along_queues, &sinces];
        batch.add(wanted, SEEN, &along).await.map_err(abort)?;
        let wanted = !positions.is_empty();
        batch.add(wanted, UNPARK, &parked).await.map_err(abort)?;
        for (set, arrays) in self.sets.iter().zip(&arrays) {
            let statement = set.prepare(client, &self.database.inner.catalog).await;
            batch.add_prepared(statement.map_err(abort)?, lent(arrays));
        }
        let mut answers = self.send(batch).await.map_err(abort)?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let own = Own::read(&next()).map_err(abort)?;
        Ok(FirstRound {
            own,
            known_keys: next(),
            cursors: next(),
            seen: next(),
            unparked: next(),
            written: answers.collect(),
        })
    }

    fn arrays(&self) -> Result<Vec<Vec<Parameter>>, Abort> {
        let arrays = self.sets.iter().map(Set::arrays);
        arrays
            .collect::<Result<_, _>>()
            .map_err(|error| Abort::Value(Refused::Store(error)))
    }

    /// Gives the transaction up, and makes the cursors that are missing.
    pub(super) async fn make_cursors(&self, client: &Client) -> Result<(), Abort> {
        let ended = client.batch_execute("ROLLBACK").await;
        ended.map_err(|error| self.abort(&error))?;
        let (names, queue_ids) = self.settlements.columns();
        let parameters: [&(dyn ToSql + Sync); 2] = [&names, &queue_ids];
        let made = client.execute(MAKE_CURSORS, &parameters).await;
        made.map(drop).map_err(|error| self.abort(&error))
    }
}
