//! The bookstore with a handler more, and how it is waited for.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use protean::App;
use protean::cli::Status;
use protean::domain::Domain;

/// Between two looks at what is left.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Declares the bookstore, whose streams and tables are those of `bookshelf`, with one handler more:
/// `bookstore_with!(/// What it is. Name, /// What the handler does. field: Handler)`.
#[macro_export]
macro_rules! bookstore_with {
    ($(#[$doc:meta])* $shop:ident, $(#[$field_doc:meta])* $field:ident: $handler:ty) => {
        $(#[$doc])*
        #[derive(::protean::prelude::Domain)]
        #[domain(name = "bookshelf")]
        pub(crate) struct $shop {
            /// Takes books in.
            pub books: ::bookshelf::book::BookCommandHandler,
            /// Shows them.
            pub catalog: ::bookshelf::catalog::BookCatalogProjector,
            /// Sells them.
            pub orders: ::bookshelf::order::OrderCommandHandler,
            /// Shows what was sold.
            pub summaries: ::bookshelf::order::OrderSummaryProjector,
            $(#[$field_doc])*
            pub $field: $handler,
        }

        impl $shop {
            pub(crate) const fn with($field: $handler) -> Self {
                Self {
                    books: ::bookshelf::book::BookCommandHandler,
                    catalog: ::bookshelf::catalog::BookCatalogProjector,
                    orders: ::bookshelf::order::OrderCommandHandler,
                    summaries: ::bookshelf::order::OrderSummaryProjector,
                    $field,
                }
            }
        }
    };
}

/// Waits until every message is handled by everybody; how long that took since `started`.
///
/// # Errors
/// When it takes longer than `patience`, or the store does not answer.
pub async fn until_handled<D: Domain>(
    app: &App<D>,
    started: Instant,
    patience: Duration,
) -> Result<Duration> {
    while Status::of(app).await?.lag() > 0 {
        ensure!(
            started.elapsed() < patience,
            "not everything is handled in {patience:?}"
        );
        // sleep: nobody tells when the last message is handled
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Ok(started.elapsed())
}
