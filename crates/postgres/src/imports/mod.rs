//! Imports: a row for each, and an advisory lock for whoever runs it, which ends with its
//! connection.

mod record;
mod unsettled;

use protean_core::port::broker::{Place, Subscription};
use protean_core::port::imports::{Hold, Import, Plan, Progress, State, Trail, Unsettled};
use protean_core::port::store::Position;
use protean_core::port::{self, Imports};
use protean_core::{BoxFuture, Lane};
use tokio_postgres::{Client, Error, NoTls};
use uuid::Uuid;

use crate::error::failed;
use crate::{Postgres, locks};

/// A machine that lost its power must not keep the lock for hours.
const KEEPALIVE: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
    SET tcp_keepalives_count = 3";

const HOLD: &str = "SELECT pg_try_advisory_lock($1, hashtext(current_schema() || '.' || $2))";

fn broken(error: &Error) -> port::Error {
    failed("the record of imports", error)
}

fn unseen(error: &Error) -> port::Error {
    failed("the look for what an import left", error)
}

fn limit(count_max: usize) -> i64 {
    i64::try_from(count_max).unwrap_or(i64::MAX)
}

impl Imports for Postgres {
    fn list(&self, count_max: usize) -> BoxFuture<'_, Result<Vec<Import>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            record::list(&client, limit(count_max)).await
        })
    }

    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Import>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            record::find(&client, name).await
        })
    }

    fn hold<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Hold>, port::Error>> {
        Box::pin(async move {
            let held = self.lock(locks::IMPORTS, name).await;
            let client = held.map_err(|error| failed("the lock of an import", &error))?;
            Ok(client.map(|client| Box::new(client) as Hold))
        })
    }

    fn start<'a>(
        &'a self,
        plan: &'a Plan,
        runner: Uuid,
    ) -> BoxFuture<'a, Result<Import, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            record::start(&client, plan, runner).await
        })
    }

    fn advance<'a>(
        &'a self,
        name: &'a str,
        runner: Uuid,
        progress: Progress,
    ) -> BoxFuture<'a, Result<Option<State>, port::Error>> {
        Box::pin(async move {
            // Nobody's order waits for it.
            let client = self.inner.pools.lane(Lane::Backfill).await?;
            record::advance(&client, name, runner, &progress).await
        })
    }

    fn ask<'a>(
        &'a self,
        name: &'a str,
        state: State,
    ) -> BoxFuture<'a, Result<Option<State>, port::Error>> {
        Box::pin(async move {
            // Runners look by themselves.
            let client = self.inner.pools.lane(Lane::Primary).await?;
            record::ask(&client, name, state).await
        })
    }

    fn count_withdrawn<'a>(
        &'a self,
        name: &'a str,
        count: u64,
    ) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Primary).await?;
            record::count_withdrawn(&client, name, count).await
        })
    }

    fn queued<'a>(
        &'a self,
        subscription: &'a Subscription,
        name: &'a str,
        after: Option<Place>,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Unsettled>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Backfill).await?;
            let found = unsettled::queued(&client, subscription, name, after, count_max).await;
            found.map_err(|error| unseen(&error))
        })
    }

    fn parked<'a>(
        &'a self,
        subscription: &'a Subscription,
        name: &'a str,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Unsettled>, port::Error>> {
        Box::pin(async move {
            let client = self.inner.pools.lane(Lane::Backfill).await?;
            let found = unsettled::parked(&client, subscription, name, limit(count_max)).await;
            found.map_err(|error| unseen(&error))
        })
    }

    fn trail<'a>(
        &'a self,
        subscriptions: &'a [Subscription],
        name: &'a str,
        upto: Position,
    ) -> BoxFuture<'a, Result<Trail, port::Error>> {
        Box::pin(async move {
            let mut client = self.inner.pools.lane(Lane::Backfill).await?;
            let trail = unsettled::trail(&mut client, subscriptions, name, upto).await;
            trail.map_err(|error| unseen(&error))
        })
    }
}

impl Postgres {
    /// A connection that has the lock with a name, of a class; `None` while another one has it.
    pub(crate) async fn lock(&self, class: i32, name: &str) -> Result<Option<Client>, Error> {
        let config = self.inner.pools.config();
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(KEEPALIVE).await?;
        let row = client.query_one(HOLD, &[&class, &name]).await?;
        Ok(row.try_get::<_, bool>(0)?.then_some(client))
    }
}
