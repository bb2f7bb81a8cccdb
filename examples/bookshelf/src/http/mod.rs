//! The shop's HTTP interface.
//!
//! What changes something is a command: it is accepted with 202 as soon as it is durable, and takes
//! effect soon after. What is read comes from projections.

mod books;
mod correlation;
mod error;
mod fields;
mod orders;
mod trace;

use std::net::{Ipv4Addr, SocketAddr};

use axum::routing::{get, post, put};
use axum::{Router, middleware};
use protean::App;
use tokio::net::TcpListener;

use crate::Bookshelf;
use error::ApiError;

/// The routes of the shop.
pub fn router(app: App<Bookshelf>) -> Router {
    Router::new()
        .route("/orders", post(orders::place))
        .route("/orders/{id}", get(orders::show))
        .route("/books", post(books::add))
        .route("/books/{id}/price", put(books::change_price))
        .route("/catalog", get(books::browse))
        .route("/catalog/{id}", get(books::show))
        .fallback(async || ApiError::no_route())
        .method_not_allowed_fallback(async || ApiError::no_method())
        .layer(middleware::from_fn(correlation::carry))
        .layer(middleware::from_fn(trace::carry))
        .with_state(app)
}

/// Listens on this machine only. Port 0 takes any that is free.
///
/// # Errors
/// When the port is taken.
pub async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves until `stop` resolves and the requests that are in by then are answered.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    app: App<Bookshelf>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(app))
        .with_graceful_shutdown(stop)
        .await
}
