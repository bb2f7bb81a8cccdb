//! Who carries a message to the broker as soon as it is committed, ahead of the relay.
//!
//! A relay hears of a commit, looks at the outbox and publishes what it finds: two round trips while
//! somebody waits. Who has committed a message by itself knows what the relay would find, and where
//! in its queue it stands. So they may send it on at once, if the broker takes nothing that is out of
//! turn; the relay finds what was not carried, for whatever reason.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use protean_core::port::broker::Published;

use super::Outbox;
use crate::bell::News;
use crate::message::Logged;

/// Carries messages of the primary lane to the broker.
pub trait Carrier: Debug + Send + Sync {
    /// Whether it would take one now. Whoever hears of one that is carried does not look for it at
    /// once, so it must not say so when it knows that it could not.
    fn is_ready(&self) -> bool;

    /// Takes a message that is durable; returns at once. One that it cannot carry it has to tell
    /// relays of, by [`Outbox::call_relays`].
    fn carry(&self, logged: Logged);
}

/// The carrier of this process, for as long as its broker is there.
#[derive(Debug, Default)]
pub(crate) struct Carriage {
    carrier: Mutex<Option<Weak<dyn Carrier>>>,
}

impl Carriage {
    /// The carrier, if there is one that would take a message.
    pub(crate) fn ready(&self) -> Option<Arc<dyn Carrier>> {
        let carrier = self.carrier.lock().unwrap_or_else(PoisonError::into_inner);
        let carrier = carrier.as_ref().and_then(Weak::upgrade);
        carrier.filter(|carrier| carrier.is_ready())
    }
}

impl Outbox {
    /// Has this carry what is committed alone from now on, in the place of whoever did before.
    pub fn set_carrier(&self, carrier: Weak<dyn Carrier>) {
        let known = self.database.inner.carriage.carrier.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = Some(carrier);
    }

    /// Has the relays of all processes look at once: this stream has something that was not carried.
    pub fn call_relays(&self, published: Published) {
        self.database.inner.bell.ring(News::of(published));
    }
}
