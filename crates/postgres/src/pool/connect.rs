//! How connections are made: one at a time in each process.
//!
//! PostgreSQL starts a process for each, which needs a processor for milliseconds. A server that
//! starts wants a dozen at once, and on a machine that has other work everybody would notice.

use std::sync::Arc;

use deadpool_postgres::Connect;
use protean_core::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls};

/// Makes connections one by one; all who share it wait for each other.
#[derive(Clone, Debug)]
pub(super) struct OneByOne(Arc<Semaphore>);

impl Default for OneByOne {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Connect for OneByOne {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let config = config.clone();
        Box::pin(async move {
            // Nobody closes it.
            let _turn = self.0.acquire().await.ok();
            let (client, connection) = config.connect(NoTls).await?;
            let driven = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to PostgreSQL broke");
                }
            });
            Ok((client, driven))
        })
    }
}
