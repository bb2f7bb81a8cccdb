//! Where a listener of this process hears of commits.

use std::sync::{Arc, Mutex, PoisonError};

use protean_core::port::broker::{Awaited, Listener, Published, Wake};
use protean_core::{BoxFuture, Lane};
use tokio::sync::Notify;

use super::News;

/// What a relay hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// There is something to publish.
    Look,
    /// There is something that whoever committed it publishes.
    Carried,
}

/// Where a listener of this process hears of commits.
#[derive(Debug, Default)]
pub struct Ear {
    heard: Mutex<News>,
    rung: Notify,
    /// The lane whose messages alone it hears of, if it is one's.
    lane: Option<Lane>,
}

impl Ear {
    pub(super) fn of(lane: Option<Lane>) -> Self {
        Self {
            lane,
            ..Self::default()
        }
    }

    /// This stream has something new.
    pub fn hear_of(&self, published: Published) {
        self.hear(News::of(published));
    }

    /// Any stream may have something new.
    pub fn hear_of_everything(&self) {
        self.hear(News::everything());
    }

    /// Somebody waits for these.
    pub fn hear_of_awaited(&self, awaited: Vec<Awaited>) {
        self.hear(News::of_awaited(awaited));
    }

    pub(crate) fn hear(&self, mut news: News) {
        if let Some(lane) = self.lane {
            news.published.retain(|one| one.lane == lane);
            news.carried.retain(|one| one.lane == lane);
            news.awaited.clear();
        }
        if !news.is_of_streams() {
            return;
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.join(news);
        drop(heard);
        self.rung.notify_one();
    }

    /// What was heard since the last time, if anything.
    fn take(&self) -> Option<Wake> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut published = std::mem::take(&mut heard.published);
        published.extend(heard.carried.drain());
        if std::mem::take(&mut heard.everything) {
            return Some(Wake::Anything);
        }
        if !published.is_empty() {
            return Some(Wake::Published(published.into_iter().collect()));
        }
        let awaited = std::mem::take(&mut heard.awaited);
        (!awaited.is_empty()).then(|| Wake::Awaited(awaited.into_iter().collect()))
    }

    /// What was heard since the last time that concerns a relay, if anything.
    fn take_word(&self) -> Option<Word> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = std::mem::take(&mut *heard);
        if heard.everything || !heard.published.is_empty() {
            return Some(Word::Look);
        }
        (!heard.carried.is_empty()).then_some(Word::Carried)
    }

    /// The next that is heard which concerns a relay. Cancel safe.
    pub async fn word(&self) -> Word {
        self.next(Self::take_word).await
    }

    /// The next that is heard. Cancel safe.
    pub async fn wake(&self) -> Wake {
        self.next(Self::take).await
    }

    /// What `take` makes of what is heard, as soon as that is anything.
    async fn next<T>(&self, take: fn(&Self) -> Option<T>) -> T {
        loop {
            if let Some(taken) = take(self) {
                return taken;
            }
            self.rung.notified().await;
        }
    }
}

/// An ear as a listener.
#[derive(Debug)]
pub(crate) struct Listening(pub(crate) Arc<Ear>);

impl Listener for Listening {
    fn wake(&mut self) -> BoxFuture<'_, Wake> {
        Box::pin(self.0.wake())
    }
}
