//! Joining the group of a subscription, which is made when it is not there.

use std::collections::HashMap;

use protean_core::port;
use protean_postgres::outbox::Bounds;

use super::RedisFeed;
use crate::error::failed;
use crate::script::JOIN;

/// Entries of a stream that are looked at for the first of each queue.
const LOOK_MAX: u64 = 1_000;

impl RedisFeed {
    /// Makes sure that the group exists, and learns up to where PostgreSQL has to feed it: Redis
    /// has nothing of a queue before what is in the stream when the group is made.
    pub(super) async fn join(&mut self) -> Result<Bounds, port::Error> {
        let queues = self.broker.outbox.queues(self.lane).await?;
        let mut call = JOIN.prepare_invoke();
        call.key(self.broker.keys.relay(&self.subscription.stream, self.lane));
        call.key(&self.stream);
        call.arg(&*self.subscription.name).arg(LOOK_MAX);
        call.arg(&self.consumer);
        for queue in queues {
            if *queue.stream == *self.subscription.stream {
                call.arg(queue.id).arg(queue.mark);
            }
        }
        let answer = self.link().run(async |link| call.invoke_async(link).await);
        let answer: Vec<u64> = answer
            .await
            .map_err(|error| failed("joining a group", &error))?;
        let pairs = answer.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        let bounds = Bounds::Upto(pairs.collect::<HashMap<_, _>>());
        self.bounds = Some(bounds.clone());
        Ok(bounds)
    }
}
