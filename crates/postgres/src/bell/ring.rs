//! Ringing: the ears of this process at once, the other processes by one notification at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use protean_core::Lane;

use super::news::Round;
use super::{Ear, News};
use crate::pace::Pace;
use crate::pool::Pools;

/// The channel that all processes of a domain's database listen to.
pub(crate) const CHANNEL: &str = "protean";

const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// The same by a connection whose commits wait for the disk otherwise: a notification is not worth
/// that. It has to be the whole of a transaction.
pub(crate) const SEND_LETTER: &str =
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

/// How long news that nobody waits for is gathered: an import commits more often than any listener
/// has to hear of it, and what is carried is under way without it.
const GATHER: Duration = Duration::from_millis(10);

/// The bell of one database in this process.
#[derive(Debug)]
pub(crate) struct Bell {
    /// The process, as its own notifications call it.
    process: String,
    pools: Pools,
    ears: Mutex<Vec<Weak<Ear>>>,
    pace: Pace,
    /// By [`Round`]: news of production never waits for a thread that stands back.
    outgoing: [Mutex<Outgoing>; 3],
}

/// What other processes have not been told yet.
#[derive(Debug, Default)]
struct Outgoing {
    news: News,
    /// Whether somebody is telling them.
    ringing: bool,
}

impl Bell {
    pub(crate) fn new(process: String, pools: Pools, pace: Pace) -> Self {
        Self {
            process,
            pools,
            ears: Mutex::default(),
            pace,
            outgoing: Round::ALL.map(|_| Mutex::default()),
        }
    }

    /// The process, as its own notifications call it.
    pub(super) fn process(&self) -> &str {
        &self.process
    }

    /// A new ear, which hears from now on: of messages of one lane alone, or of everything.
    pub(crate) fn ear(&self, lane: Option<Lane>) -> Arc<Ear> {
        let ear = Arc::new(Ear::of(lane));
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        ears.retain(|known| known.strong_count() > 0);
        ears.push(Arc::downgrade(&ear));
        ear
    }

    /// What tells whether production is about.
    pub(crate) const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Rings in this process.
    pub(crate) fn ring_here(&self, news: &News) {
        if news.tells_of(Lane::Backfill) {
            self.pace.see_backfill();
        }
        if news.tells_of(Lane::Primary) || !news.judged.is_empty() {
            self.pace.hear(news.judged);
        }
        if !news.is_of_streams() {
            return;
        }
        let ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        for ear in ears.iter().filter_map(Weak::upgrade) {
            ear.hear(news.clone());
        }
    }

    /// Rings for everybody, and has told other processes when it returns: for whoever may end right
    /// after it. What cannot be sent is found by a look at the tables.
    pub(crate) async fn ring_out(&self, news: &News) {
        self.ring_here(news);
        if let Err(error) = self.notify(Lane::Primary, news).await {
            tracing::debug!(%error, "a notification was not sent");
        }
    }

    /// What tells other processes of news, for whoever sends it himself by [`SEND_LETTER`]; none if
    /// there are none, or some that can wait.
    pub(crate) fn letter(&self, news: &News) -> Option<String> {
        if !news.fits_a_letter() {
            return None;
        }
        let judged = self.pace.take_untold();
        let told = News {
            judged,
            ..news.clone()
        };
        Some(format!("{} {}", self.process, told.encode()))
    }

    /// Rings for everybody. What cannot be sent is found by a look at the queues.
    pub(crate) fn ring(self: &Arc<Self>, news: News) {
        if news.is_empty() {
            return;
        }
        self.ring_here(&news);
        for (round, news) in Round::ALL.into_iter().zip(news.split()) {
            if news.is_empty() {
                continue;
            }
            let mut outgoing = self.outgoing(round);
            outgoing.news.join(news);
            if !std::mem::replace(&mut outgoing.ringing, true) {
                tokio::spawn(self.clone().tell_others(round));
            }
        }
    }

    /// Rings for everybody whom no letter has told.
    pub(crate) fn ring_behind_letter(self: &Arc<Self>, news: News) {
        match news.fits_a_letter() {
            true => self.ring_here(&news),
            false => self.ring(news),
        }
    }

    fn outgoing(&self, round: Round) -> MutexGuard<'_, Outgoing> {
        let outgoing = self.outgoing[round as usize].lock();
        outgoing.unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell_others(self: Arc<Self>, round: Round) {
        loop {
            if round != Round::Awaited {
                // sleep: what comes meanwhile is told in the same breath
                tokio::time::sleep(GATHER).await;
            }
            let Some(mut news) = self.take(round) else {
                return;
            };
            if round.lane() == Lane::Primary {
                news.judged = self.pace.take_untold();
            }
            if let Err(error) = self.notify(round.lane(), &news).await {
                tracing::debug!(%error, "a notification was not sent");
            }
        }
    }

    /// What is to be told; when it is nothing, nobody is telling any more.
    fn take(&self, round: Round) -> Option<News> {
        let mut outgoing = self.outgoing(round);
        let news = std::mem::take(&mut outgoing.news);
        outgoing.ringing = !news.is_empty();
        outgoing.ringing.then_some(news)
    }

    async fn notify(&self, lane: Lane, news: &News) -> Result<(), protean_core::port::Error> {
        let client = self.pools.light(lane).await?;
        let payload = format!("{} {}", self.process, news.encode());
        let sent = async {
            let notify = client.prepare_cached(NOTIFY).await?;
            client.query(&notify, &[&CHANNEL, &payload]).await
        };
        sent.await
            .map(drop)
            .map_err(|error| crate::error::failed("the notification", &error))
    }
}
