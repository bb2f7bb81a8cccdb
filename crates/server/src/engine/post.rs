//! The engine's way to a feeder: requests, and the places of what was settled.

use protean_core::port::broker::Place;
use tokio::sync::mpsc;

use super::feeder::{Inbox, Request};
use crate::lane::RETURNING_MAX;

/// Requests a feeder may have before it: a fetch, a list, and the parked ones.
const REQUESTS_MAX: usize = RETURNING_MAX + 2;

/// Runs whose settled places a feeder may have before it; those of more wait in the engine.
const SETTLED_MAX: usize = 64;

/// What the engine has of a feeder.
pub(super) struct Post {
    pub(super) requests: mpsc::Sender<Request>,
    settled: mpsc::Sender<Vec<Place>>,
    /// Settled places that the feeder has no room for yet.
    unsent: Vec<Place>,
}

impl Post {
    /// The engine's end and the feeder's.
    pub(super) fn new() -> (Self, Inbox) {
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        let (settled, places) = mpsc::channel(SETTLED_MAX);
        let post = Self {
            requests,
            settled,
            unsent: Vec::new(),
        };
        let inbox = Inbox {
            requests: receiver,
            settled: places,
        };
        (post, inbox)
    }

    /// These places are settled; they are passed on when there is room.
    pub(super) fn settled(&mut self, places: impl IntoIterator<Item = Place>) {
        self.unsent.extend(places);
        if self.unsent.is_empty() {
            return;
        }
        if let Ok(permit) = self.settled.try_reserve() {
            permit.send(std::mem::take(&mut self.unsent));
        }
    }
}
