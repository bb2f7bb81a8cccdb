//! Answers to requests that were not done.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protean::failure::Reason;
use protean::prelude::{Failure, Invalid};
use protean::{app, port};
use serde_json::json;

use super::correlation;

/// Why a request was not done: a status, and what is wrong, field by field.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    what: Invalid,
}

impl ApiError {
    pub(super) fn new(
        status: StatusCode,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            what: Invalid::field(field, message),
        }
    }

    /// There is nothing of this kind with this id.
    pub(super) fn not_found(field: &str, id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            field,
            format!("nothing known with the id {id}"),
        )
    }

    pub(super) fn no_route() -> Self {
        let routes = "expected /orders, /orders/{id}, /books, /catalog or /catalog/{id}";
        Self::new(StatusCode::NOT_FOUND, "path", routes)
    }

    pub(super) fn no_method() -> Self {
        let message = "this path does not answer to this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
    }

    /// The command was accepted before, under the same key.
    pub(super) fn duplicate(id: uuid::Uuid) -> Self {
        let message = format!("was used before, by the command {id}");
        Self::new(StatusCode::CONFLICT, "idempotency_key", message)
    }

    fn failed(failure: &Failure) -> Self {
        let status = match failure.reason() {
            Reason::Invalid(invalid) => return invalid.clone().into(),
            Reason::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Reason::NotFound { .. } => StatusCode::NOT_FOUND,
            Reason::Exists { .. } | Reason::Conflict { .. } => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, "command", failure.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({
            "error": self.what,
            "correlation_id": correlation::current(),
        });
        (self.status, Json(body)).into_response()
    }
}

impl From<Invalid> for ApiError {
    fn from(what: Invalid) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            what,
        }
    }
}

impl From<app::Error> for ApiError {
    fn from(error: app::Error) -> Self {
        match error {
            app::Error::Invalid(invalid) => invalid.into(),
            app::Error::Failed(failure) => Self::failed(&failure),
            app::Error::Duplicate { id } => Self::duplicate(id),
            app::Error::Store(error) => error.into(),
            other => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "command",
                other.to_string(),
            ),
        }
    }
}

impl From<port::Error> for ApiError {
    fn from(error: port::Error) -> Self {
        let (status, field) = match error {
            port::Error::UnknownColumn { .. } => (StatusCode::BAD_REQUEST, "order_by"),
            port::Error::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "store"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "store"),
        };
        Self::new(status, field, error.to_string())
    }
}
