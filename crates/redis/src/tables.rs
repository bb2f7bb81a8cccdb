//! The tables, and the streams that go with them: what is emptied here is emptied there.

use protean_core::port::{self, Tables};
use protean_core::schema::Schema;
use protean_core::{BoxFuture, Lane};

use crate::Redis;

impl Tables for Redis {
    fn setup<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        self.inner.database.setup(schemas)
    }

    fn missing<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        self.inner.database.missing(schemas)
    }

    fn drop_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        Box::pin(async move {
            let keys = self.keys().await?;
            let lines = self.inner.database.drop_all(schemas).await?;
            self.remove(keys, lines).await
        })
    }

    fn truncate_all<'a>(
        &'a self,
        schemas: &'a [&'static Schema],
    ) -> BoxFuture<'a, Result<Vec<String>, port::Error>> {
        Box::pin(async move {
            let keys = self.keys().await?;
            let lines = self.inner.database.truncate_all(schemas).await?;
            self.remove(keys, lines).await
        })
    }
}

impl Redis {
    /// The keys of every stream that the outbox knows.
    async fn keys(&self) -> Result<Vec<String>, port::Error> {
        let mut keys = Vec::new();
        for lane in Lane::ALL {
            let queues = match self.inner.outbox.queues(lane).await {
                // Where there are no tables there are no streams.
                Err(port::Error::Tables { .. }) => return Ok(keys),
                other => other?,
            };
            for queue in queues {
                let key = self.inner.keys.stream(&queue.stream, lane);
                if !keys.contains(&key) {
                    keys.push(self.inner.keys.relay(&queue.stream, lane));
                    keys.push(self.inner.keys.dead_letters(&queue.stream, lane));
                    keys.push(key);
                }
            }
        }
        Ok(keys)
    }

    async fn remove(
        &self,
        keys: Vec<String>,
        mut lines: Vec<String>,
    ) -> Result<Vec<String>, port::Error> {
        for key in keys {
            let command = redis::cmd("DEL").arg(&key).to_owned();
            let link = &self.inner.links[Lane::Primary.index()];
            if link.ask::<u64>("removing a stream", &command).await? > 0 {
                lines.push(format!("removed {key}"));
            }
        }
        Ok(lines)
    }
}
