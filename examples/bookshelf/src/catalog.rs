//! The catalog: the books, as customers browse them.

use protean::prelude::*;

use crate::book::{BookAdded, BookId, PriceChanged};

/// A book in the catalog.
#[derive(Debug, Clone, PartialEq, serde::Serialize, Projection)]
pub struct BookCatalog {
    /// The book's identity.
    #[id]
    pub book_id: BookId,
    /// Its title.
    pub title: String,
    /// Who wrote it.
    #[field(index)]
    pub author: String,
    /// Its number in the world of books, if it has one.
    pub isbn: Option<String>,
    /// What it costs.
    pub price: Decimal,
}

/// Keeps the catalog.
#[derive(Debug)]
pub struct BookCatalogProjector;

#[projector(into = BookCatalog)]
impl BookCatalogProjector {
    #[on]
    async fn added(
        &self,
        event: BookAdded,
        catalog: &mut Rows<'_, BookCatalog>,
    ) -> Result<(), Failure> {
        catalog
            .put(BookCatalog {
                book_id: event.book_id,
                title: event.title,
                author: event.author,
                isbn: event.isbn,
                price: event.price,
            })
            .await
    }

    #[on]
    async fn price_changed(
        &self,
        event: PriceChanged,
        catalog: &mut Rows<'_, BookCatalog>,
    ) -> Result<(), Failure> {
        let change = |entry: &mut BookCatalog| entry.price = event.price;
        catalog.update(event.book_id, change).await
    }
}
