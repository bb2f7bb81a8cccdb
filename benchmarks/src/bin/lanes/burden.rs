//! The bookstore with one more handler of every book that is taken in: one that is as bad as the
//! handlers of applications are.

use std::time::Duration;

use bookshelf::book::BookAdded;
use clap::ValueEnum;
use protean::prelude::*;
use protean::processor_time;
use protean_benchmarks::bookstore_with;

/// What another system takes to answer.
const WAIT: Duration = Duration::from_millis(50);

/// What a handler computes without letting anybody else have the thread.
const WORK: Duration = Duration::from_millis(20);

/// What is bad about the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Burden {
    /// It waits for 50 ms
    Slow,
    /// It uses 20 ms of a processor
    Burn,
}

impl Burden {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Burn => "burn",
        }
    }
}

bookstore_with!(
    /// The bookstore.
    Burdened,
    /// Reads every book that is taken in.
    reviewer: BookReviewer
);

/// Reads every book that is taken in.
pub(crate) struct BookReviewer {
    pub(crate) burden: Burden,
}

#[event_handler]
impl BookReviewer {
    #[on]
    async fn added(&self, _event: BookAdded, _unit: &mut Unit<'_>) -> Result<(), Failure> {
        match self.burden {
            // sleep: it stands for a call of another system
            Burden::Slow => tokio::time::sleep(WAIT).await,
            Burden::Burn => burn(WORK),
        }
        Ok(())
    }
}

/// Uses so much of a processor, however long it takes to get it.
fn burn(time: Duration) {
    let end = processor_time() + time;
    while processor_time() < end {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_burns_takes_its_time() {
        let started = Instant::now();
        burn(Duration::from_millis(5));
        assert!(started.elapsed() >= Duration::from_millis(5));
    }
}
