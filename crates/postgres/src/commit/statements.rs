//! Statements on their way to PostgreSQL, several in one round trip or one by one.

use deadpool_postgres::Client;
use protean_core::BoxFuture;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use super::in_order::in_order;
use crate::bell::{CHANNEL, SEND_LETTER};

/// Statements that are sent together; each has an answer, those that were left out an empty one.
pub(super) struct Statements<'s> {
    client: &'s Client,
    sent: Vec<BoxFuture<'s, Result<Vec<Row>, Error>>>,
    begins: bool,
    /// What is sent after all of them, and has no answer that anybody waits for.
    trailer: Option<BoxFuture<'s, Result<(), Error>>>,
}

impl<'s> Statements<'s> {
    pub(super) const fn new(client: &'s Client) -> Self {
        Self {
            client,
            sent: Vec::new(),
            begins: false,
            trailer: None,
        }
    }

    /// Has this letter sent right after all others, whatever becomes of them. Nobody waits for its
    /// answer.
    pub(super) async fn trail(&mut self, letter: String) -> Result<(), Error> {
        let client = self.client;
        let send = client.prepare_cached(SEND_LETTER).await?;
        let trailer = async move { client.execute(&send, &[&CHANNEL, &letter]).await.map(drop) };
        self.trailer = Some(Box::pin(trailer));
        Ok(())
    }

    pub(super) fn begin(&mut self) {
        self.begins = true;
        self.simple("BEGIN");
    }

    pub(super) fn commit(&mut self) {
        self.simple("COMMIT");
    }

    fn simple(&mut self, sql: &'static str) {
        let client = self.client;
        self.sent.push(Box::pin(async move {
            client.batch_execute(sql).await.map(|()| Vec::new())
        }));
    }

    /// Adds a statement, or an empty answer in its place.
    pub(super) async fn add(
        &mut self,
        wanted: bool,
        sql: &str,
        parameters: &[&'s (dyn ToSql + Sync)],
    ) -> Result<(), Error> {
        if wanted {
            let statement = self.client.prepare_cached(sql).await?;
            self.add_prepared(statement, parameters.to_vec());
        } else {
            self.sent.push(Box::pin(async { Ok(Vec::new()) }));
        }
        Ok(())
    }

    pub(super) fn add_prepared(
        &mut self,
        statement: Statement,
        parameters: Vec<&'s (dyn ToSql + Sync)>,
    ) {
        let client = self.client;
        self.sent.push(Box::pin(async move {
            client.query(&statement, &parameters).await
        }));
    }

    /// Sends all at once. The answers, without that to the beginning; the first error, which is the
    /// cause of others.
    pub(super) async fn send(self) -> Result<Vec<Vec<Row>>, Error> {
        let skip = usize::from(self.begins);
        let answers: Result<Vec<_>, _> = in_order(self.sent, self.trailer)
            .await
            .into_iter()
            .collect();
        Ok(answers?.split_off(skip))
    }

    /// The same, but each is sent when the one before is answered, and none after an error.
    /// Meanwhile the session waits, and leaves its processor to others.
    pub(super) async fn send_one_by_one(self) -> Result<Vec<Vec<Row>>, Error> {
        let skip = usize::from(self.begins);
        let mut answers = Vec::with_capacity(self.sent.len());
        for sent in self.sent {
            answers.push(sent.await?);
        }
        Ok(answers.split_off(skip))
    }
}
