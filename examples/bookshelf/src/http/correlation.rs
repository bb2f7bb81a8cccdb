//! The id that ties a request to everything it causes.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

static HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The longest id taken over from a caller: it is stored with every message it causes.
const LENGTH_MAX: usize = 128;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The id of the request that is being answered.
pub(super) fn current() -> Arc<str> {
    CURRENT.try_with(Clone::clone).unwrap_or_else(|_| fresh())
}

/// Takes the id from the request, or makes one, and puts it on the answer.
pub(super) async fn carry(request: Request, next: Next) -> Response {
    let given = request.headers().get(&HEADER).and_then(usable);
    let id = given.unwrap_or_else(fresh);
    let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER.clone(), value);
    }
    response
}

fn fresh() -> Arc<str> {
    Uuid::now_v7().simple().to_string().into()
}

fn usable(value: &HeaderValue) -> Option<Arc<str>> {
    let text = value.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= LENGTH_MAX).then(|| text.into())
}
