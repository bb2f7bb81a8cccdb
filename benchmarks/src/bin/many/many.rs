//! The bookstore with a handler that tells a service of many books at once.

use bookshelf::book::{BookAdded, BookCommandHandler};
use bookshelf::catalog::BookCatalogProjector;
use bookshelf::order::{OrderCommandHandler, OrderSummaryProjector};
use protean::prelude::*;

use crate::service;

/// The bookstore, whose streams and tables are those of `bookshelf`, and one handler more.
#[derive(Domain)]
#[domain(name = "bookshelf")]
pub(crate) struct Shop {
    /// Takes books in.
    pub books: BookCommandHandler,
    /// Shows them.
    pub catalog: BookCatalogProjector,
    /// Sells them.
    pub orders: OrderCommandHandler,
    /// Shows what was sold.
    pub summaries: OrderSummaryProjector,
    /// Tells of them.
    pub herald: BookHerald,
}

impl Shop {
    pub(crate) const fn new(port: u16) -> Self {
        Self {
            books: BookCommandHandler,
            catalog: BookCatalogProjector,
            orders: OrderCommandHandler,
            summaries: OrderSummaryProjector,
            herald: BookHerald { port },
        }
    }
}

/// Tells the service at a port.
pub(crate) struct BookHerald {
    port: u16,
}

#[event_handler]
impl BookHerald {
    #[on_many]
    async fn added(&self, events: Vec<BookAdded>, _units: &mut Units<'_>) -> Result<(), Failure> {
        Ok(service::tell(self.port, events.len()).await?)
    }
}
