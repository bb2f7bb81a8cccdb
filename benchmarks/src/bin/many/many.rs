//! The bookstore with a handler that tells a service of many books at once.

use bookshelf::book::BookAdded;
use protean::prelude::*;
use protean_benchmarks::bookstore_with;

use crate::service;

bookstore_with!(
    /// The bookstore.
    Shop,
    /// Tells of books.
    herald: BookHerald
);

/// The bookstore that tells the service at this port.
pub(crate) const fn shop(port: u16) -> Shop {
    Shop::with(BookHerald { port })
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
