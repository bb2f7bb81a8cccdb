//! The relays of this process, which have to end before others can take their place at once.

use protean_core::tally::{Tally, Tick};
use tokio::sync::watch;

/// The relays of this process.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    ending: watch::Sender<bool>,
    running: Tally,
}

impl Relays {
    /// Counts one that begins, until what it is given is dropped.
    pub(crate) fn begin(&self) -> Tick {
        self.running.take()
    }

    /// Until they have to end. Cancel safe.
    pub(crate) async fn ending(&self) {
        let mut ending = self.ending.subscribe();
        // The sender is here.
        let _ = ending.wait_for(|ending| *ending).await;
    }

    /// Has all of them end, and waits until they have. None begins afterwards.
    pub(crate) async fn end(&self) {
        self.ending.send_replace(true);
        self.running.given_back().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_ends_them_waits_until_they_have() {
        let relays = Relays::default();
        let one = relays.begin();
        let relay = async {
            relays.ending().await;
            drop(one);
        };
        tokio::join!(relays.end(), relay);
        relays.ending().await;
    }
}
