//! Asking an import to stop: what is being written is written to its end, and nothing more is begun.

use std::time::Duration;

use tokio::sync::watch;

use super::screen::Voice;
use crate::{Error, signals};

/// Within this time an import has written what it had in hand; one that stands still, or whose
/// store does not answer, is cut off, which loses nothing (L9).
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether somebody has asked to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Hears SIGINT and SIGTERM from now on, and says so. A second one ends the process on the spot.
    ///
    /// # Errors
    /// When the operating system does not let signals be waited for.
    pub(super) fn listen(voice: Voice) -> Result<Self, Error> {
        let requested = signals::stop_requested()?;
        let (sender, stop) = watch::channel(false);
        tokio::spawn(async move {
            requested.await;
            voice.say("Stopping with what is in hand; a second time stops at once.");
            sender.send_replace(true);
        });
        Ok(Self(stop))
    }

    /// Ends when somebody asks.
    pub(super) async fn requested(mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // Nobody listens any more, and nobody will ask.
            std::future::pending::<()>().await;
        }
    }

    /// Ends when somebody has asked and it has taken too long since.
    pub(super) async fn overdue(self) {
        self.requested().await;
        // sleep: what ends in time is not cut off
        tokio::time::sleep(PATIENCE).await;
    }
}
