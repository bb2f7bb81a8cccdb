//! Where cursors are, as far as this process knows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use protean_core::Lane;
use protean_core::message::Message;
use protean_core::port::along::Since;
use protean_core::port::broker::Subscription;

use super::publish::{Queues, queue_key};
use super::settle::CursorKey;
use crate::trust::Trust;

/// How far subscriptions were when this process has last moved them. Nobody goes back, so that each
/// is there at least, unless somebody has emptied the tables, which is noticed.
#[derive(Debug, Default)]
pub(crate) struct Known {
    cursors: Mutex<HashMap<CursorKey, u64>>,
    trust: Trust,
}

impl Known {
    /// Whether it is likely that what is known is so.
    pub(super) fn is_trusted(&self) -> bool {
        self.trust.holds()
    }

    /// A guess was right, or not.
    pub(super) fn guessed(&self, was_right: bool) {
        self.trust.judge(was_right);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CursorKey, u64>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to where a subscription has handled a queue, with nothing beyond it.
    pub(super) fn upto(&self, key: &CursorKey) -> Option<u64> {
        self.lock().get(key).copied()
    }

    /// Learns where cursors are now; nothing is known of one with something beyond it.
    pub(super) fn learn<'a>(&self, cursors: impl Iterator<Item = (&'a CursorKey, Option<u64>)>) {
        let mut known = self.lock();
        for (key, upto) in cursors {
            match upto {
                Some(upto) => drop(known.insert(key.clone(), upto)),
                None => drop(known.remove(key)),
            }
        }
    }

    /// Up to where a subscription has handled the queue that a message on a lane goes to.
    pub(crate) fn since(
        &self,
        queues: &Queues,
        subscription: &Subscription,
        (lane, message): (Lane, &Message),
    ) -> Option<Since> {
        let queue = queues.find(&queue_key(crate::lanes::number(lane), message))?;
        self.upto(&(subscription.name.to_string(), queue))
            .map(Since)
    }
}
