//! Primary messages that must not overtake backfill messages of their keys (L8).

use std::collections::HashSet;
use std::time::Duration;

use protean_core::port::broker::{Ahead, Delivery};
use tokio::time::Instant;

/// How long messages are left alone that wait for what is in other hands, at first and at most.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// The most messages that wait for what is in other hands; with more the lane is not read: nobody
/// knows which of the next ones would wait, too.
pub(super) const WITHHELD_MAX: usize = 4_096;

/// Messages of one subscription that wait since something before them is in other hands.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    messages: Vec<Delivery>,
    tries: u32,
    look_at: Option<Instant>,
}

impl Withheld {
    pub(super) const fn has_room(&self) -> bool {
        self.messages.len() < WITHHELD_MAX
    }

    /// All that wait, to be looked at again.
    pub(super) fn take(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.messages)
    }

    /// Keeps those of `messages` that have to wait, and those behind them with their keys; the
    /// others may go.
    pub(super) fn sort(&mut self, messages: Vec<Delivery>, ahead: &Ahead) -> Vec<Delivery> {
        let mut stuck: HashSet<String> = HashSet::new();
        let mut free = Vec::with_capacity(messages.len());
        for one in messages {
            let key = one.message.key.clone();
            let is_stuck = key.as_ref().is_some_and(|key| stuck.contains(key));
            if is_stuck || ahead.blocked.contains(&one.position) {
                stuck.extend(key);
                self.messages.push(one);
            } else {
                free.push(one);
            }
        }
        self.tries = if free.is_empty() { self.tries + 1 } else { 0 };
        let pause = PAUSE * 2_u32.saturating_pow(self.tries.min(8));
        let waits = !self.messages.is_empty();
        self.look_at = waits.then(|| Instant::now() + pause.min(PAUSE_MAX));
        free
    }

    /// Waits until it is time to look again; for ever when nothing waits. Cancel safe.
    pub(super) async fn look(&mut self) {
        match self.look_at {
            // sleep: who has the messages before these in hand tells nobody when it is done
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        self.look_at = None;
    }
}
