//! `/orders`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use protean::App;
use serde_json::{Value, json};

use super::correlation;
use super::error::ApiError;
use super::fields::Fields;
use crate::Bookshelf;
use crate::order::{OrderId, OrderSummary, PlaceOrder};

/// The header whose value makes a repeated request count once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// `POST /orders`: 202 with the order's id, as soon as the order is safe.
pub(super) async fn place(
    State(app): State<App<Bookshelf>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut fields = Fields::of(body)?;
    let order_id = OrderId::new();
    let command = PlaceOrder {
        order_id,
        customer_name: fields.text("customer_name"),
        book_title: fields.text("book_title"),
        quantity: fields.integer("quantity"),
        unit_price_amount: fields.decimal("unit_price_amount"),
    };
    let command = fields.finish(command)?;
    let mut process = app.process(command).correlation_id(correlation::current());
    if let Some(key) = headers
        .get(IDEMPOTENCY_KEY)
        .and_then(|key| key.to_str().ok())
    {
        process = process.idempotency_key(key);
    }
    let receipt = process.await?;
    if receipt.duplicate {
        return Err(ApiError::duplicate(receipt.command_id));
    }
    let body = json!({ "order_id": order_id });
    Ok((StatusCode::ACCEPTED, Json(body)))
}

/// `GET /orders/{id}`: 404 until the order is handled.
pub(super) async fn show(
    State(app): State<App<Bookshelf>>,
    Path(id): Path<String>,
) -> Result<Json<OrderSummary>, ApiError> {
    let not_found = || ApiError::not_found("order_id", &id);
    let order_id: OrderId = id.parse().map_err(|_| not_found())?;
    let order = app.view::<OrderSummary>().get(&order_id).await?;
    order.map(Json).ok_or_else(not_found)
}
