//! The bookstore: it sells books, and takes whole catalogs in without its customers noticing.
//!
//! One folder or file per concept: [`book`] is what can be sold, [`catalog`] what customers browse,
//! [`order`] what they buy. [`http`] lets customers in, [`import`] the catalogs of publishers.

pub mod book;
pub mod catalog;
pub mod demo;
pub mod http;
pub mod import;
pub mod order;
pub mod sample;

use std::path::Path;

use protean::App;
use protean::config::Config;
use protean::prelude::Domain;

use book::BookCommandHandler;
use catalog::BookCatalogProjector;
use order::{OrderCommandHandler, OrderSummaryProjector};

/// The bookstore: its fields are its handlers.
#[derive(Debug, Domain)]
#[domain(name = "bookshelf")]
pub struct Bookshelf {
    /// Takes books in.
    pub books: BookCommandHandler,
    /// Shows them.
    pub catalog: BookCatalogProjector,
    /// Sells them.
    pub orders: OrderCommandHandler,
    /// Shows what was sold.
    pub summaries: OrderSummaryProjector,
}

impl Bookshelf {
    /// The bookstore. Its handlers need nothing but the unit of work they are given.
    #[must_use]
    pub const fn new(_config: &Config) -> Self {
        Self {
            books: BookCommandHandler,
            catalog: BookCatalogProjector,
            orders: OrderCommandHandler,
            summaries: OrderSummaryProjector,
        }
    }
}

/// Opens the bookstore as `domain.toml` in `folder` says, or one of the two folders above.
///
/// # Errors
/// When the configuration is wrong, or the store cannot be opened.
pub async fn open(folder: &Path) -> anyhow::Result<App<Bookshelf>> {
    let config = protean::config_file::load("bookshelf", folder)?;
    let bookshelf = Bookshelf::new(&config);
    Ok(protean::open(bookshelf, config).await?)
}
