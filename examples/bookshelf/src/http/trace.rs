//! The trace of a request's caller, which goes on in everything the request causes.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use protean::traceparent;

/// The header of the W3C trace context.
const HEADER: &str = "traceparent";

/// Answers the request as a part of the trace that its caller names.
pub(super) async fn carry(request: Request, next: Next) -> Response {
    let named = request.headers().get(HEADER);
    let named = named.and_then(|value| value.to_str().ok());
    let named = named.map(str::to_owned);
    traceparent::scope(named.as_deref(), next.run(request)).await
}
