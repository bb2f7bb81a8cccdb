//! Ringing: the ears of this process at once, the other processes by one notification at a time.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::types::Type;

use super::{Ear, News};
use crate::pool::Pools;

/// The channel that all processes of a domain's database listen to.
pub(super) const CHANNEL: &str = "protean";

/// How long news that nobody waits for is gathered: an import commits more often than any listener
/// has to hear of it.
const GATHER: Duration = Duration::from_millis(10);

/// The bell of one database in this process.
#[derive(Debug)]
pub(crate) struct Bell {
    /// The process, as its own notifications call it.
    process: String,
    pools: Pools,
    ears: Mutex<Vec<Weak<Ear>>>,
    outgoing: Mutex<Outgoing>,
    urgent: Notify,
}

/// What other processes have not been told yet.
#[derive(Debug, Default)]
struct Outgoing {
    news: News,
    /// Whether somebody is telling them.
    ringing: bool,
}

impl Bell {
    pub(crate) fn new(process: String, pools: Pools) -> Self {
        Self {
            process,
            pools,
            ears: Mutex::default(),
            outgoing: Mutex::default(),
            urgent: Notify::new(),
        }
    }

    /// The process, as its own notifications call it.
    pub(super) fn process(&self) -> &str {
        &self.process
    }

    /// A new ear, which hears from now on.
    pub(crate) fn ear(&self) -> Arc<Ear> {
        let ear = Arc::new(Ear::default());
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        ears.retain(|known| known.strong_count() > 0);
        ears.push(Arc::downgrade(&ear));
        ear
    }

    /// Whether anybody in this process listens.
    pub(super) fn is_heard(&self) -> bool {
        let ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        ears.iter().any(|ear| ear.strong_count() > 0)
    }

    /// Rings in this process.
    pub(crate) fn ring_here(&self, news: &News) {
        let ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        for ear in ears.iter().filter_map(Weak::upgrade) {
            ear.hear(news.clone());
        }
    }

    /// Rings for everybody. What cannot be sent is found by a look at the queues.
    pub(crate) fn ring(self: &Arc<Self>, news: News) {
        if news.is_empty() {
            return;
        }
        self.ring_here(&news);
        if news.is_urgent() {
            self.urgent.notify_one();
        }
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        outgoing.news.join(news);
        if !std::mem::replace(&mut outgoing.ringing, true) {
            tokio::spawn(self.clone().tell_others());
        }
    }

    async fn tell_others(self: Arc<Self>) {
        loop {
            if !self.is_urgent() {
                // What comes meanwhile is told in the same breath.
                let _ = tokio::time::timeout(GATHER, self.urgent.notified()).await;
            }
            let Some(news) = self.take() else { return };
            if let Err(error) = self.notify(&news).await {
                tracing::debug!(%error, "a notification was not sent");
            }
        }
    }

    fn is_urgent(&self) -> bool {
        let outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        outgoing.news.is_urgent()
    }

    /// What is to be told; when it is nothing, nobody is telling any more.
    fn take(&self) -> Option<News> {
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        let news = std::mem::take(&mut outgoing.news);
        outgoing.ringing = !news.is_empty();
        outgoing.ringing.then_some(news)
    }

    async fn notify(&self, news: &News) -> Result<(), protean_core::port::Error> {
        let client = self.pools.light().await?;
        let payload = format!("{} {}", self.process, news.encode());
        let sql = "SELECT pg_notify($1, $2)";
        let sent = client
            .query_typed(sql, &[(&CHANNEL, Type::TEXT), (&payload, Type::TEXT)])
            .await;
        sent.map(drop)
            .map_err(|error| crate::error::failed("the notification", &error))
    }
}
