//! The bookstore with one more handler of every book that is taken in: one that is as bad as the
//! handlers of applications are.

use std::time::Duration;

use bookshelf::book::{BookAdded, BookCommandHandler};
use bookshelf::catalog::BookCatalogProjector;
use bookshelf::order::{OrderCommandHandler, OrderSummaryProjector};
use clap::ValueEnum;
use protean::config::Config;
use protean::prelude::*;
use protean::processor_time;

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

/// The bookstore, whose streams and tables are those of `bookshelf`, and one handler more.
#[derive(Domain)]
#[domain(name = "bookshelf")]
pub(crate) struct Burdened {
    /// Takes books in.
    pub books: BookCommandHandler,
    /// Shows them.
    pub catalog: BookCatalogProjector,
    /// Sells them.
    pub orders: OrderCommandHandler,
    /// Shows what was sold.
    pub summaries: OrderSummaryProjector,
    /// Reads every book that is taken in.
    pub reviewer: BookReviewer,
}

impl Burdened {
    pub(crate) const fn new(_config: &Config, burden: Burden) -> Self {
        Self {
            books: BookCommandHandler,
            catalog: BookCatalogProjector,
            orders: OrderCommandHandler,
            summaries: OrderSummaryProjector,
            reviewer: BookReviewer { burden },
        }
    }
}

/// Reads every book that is taken in.
pub(crate) struct BookReviewer {
    burden: Burden,
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
