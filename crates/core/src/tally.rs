//! The parts that a process takes in subscriptions, until they are given back.

use tokio::sync::watch;

/// Counts what was taken and not given back.
#[derive(Clone, Debug)]
pub struct Tally(watch::Sender<usize>);

/// One of what is counted, until it is dropped.
#[derive(Debug)]
pub struct Tick(watch::Sender<usize>);

impl Default for Tally {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Tally {
    /// Takes one more.
    #[must_use]
    pub fn take(&self) -> Tick {
        self.0.send_modify(|count| *count += 1);
        Tick(self.0.clone())
    }

    /// Waits until all are given back.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn given_back(&self) {
        // It fails when there is no sender, and this is one.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Tick {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_waited_for_the_last_part() {
        const LONG: Duration = Duration::from_secs(60);
        let parts = Tally::default();
        parts.given_back().await;
        let (first, second) = (parts.take(), parts.take());
        let mut given_back = pin!(parts.given_back());
        drop(first);
        assert!(tokio::time::timeout(LONG, &mut given_back).await.is_err());
        drop(second);
        given_back.await;
    }
}
