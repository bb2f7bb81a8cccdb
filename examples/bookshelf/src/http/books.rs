//! `/books` and `/catalog`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use protean::App;
use protean::domain::RoutedIn;
use protean::prelude::Invalid;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::correlation;
use super::error::ApiError;
use super::fields::Fields;
use crate::Bookshelf;
use crate::book::{AddBook, BookId, ChangePrice};
use crate::catalog::BookCatalog;

/// Entries on a page unless asked otherwise, and at most.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 1_000;

/// `POST /books`: 202 with the book's id, as soon as the request is safe.
pub(super) async fn add(
    State(app): State<App<Bookshelf>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut fields = Fields::of(body)?;
    let book_id = BookId::new();
    let command = AddBook {
        book_id,
        title: fields.text("title"),
        author: fields.text("author"),
        isbn: fields.optional_text("isbn"),
        price_amount: fields.decimal("price_amount"),
        description: fields.optional_text("description"),
    };
    accept(&app, book_id, fields.finish(command)?).await
}

/// `PUT /books/{id}/price`: 202 with the book's id, as soon as the request is safe.
pub(super) async fn change_price(
    State(app): State<App<Bookshelf>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let book_id: BookId = id
        .parse()
        .map_err(|_| ApiError::not_found("book_id", &id))?;
    let mut fields = Fields::of(body)?;
    let command = ChangePrice {
        book_id,
        price_amount: fields.decimal("price_amount"),
    };
    accept(&app, book_id, fields.finish(command)?).await
}

/// Accepts a command that is about a book.
async fn accept(
    app: &App<Bookshelf>,
    book_id: BookId,
    command: impl RoutedIn<Bookshelf>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    app.process(command)
        .correlation_id(correlation::current())
        .await?;
    let body = json!({ "book_id": book_id });
    Ok((StatusCode::ACCEPTED, Json(body)))
}

/// Which part of the catalog.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Browse {
    author: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    offset: u64,
    order_by: Option<String>,
}

/// One page of the catalog.
#[derive(Serialize)]
pub(super) struct CatalogPage {
    entries: Vec<BookCatalog>,
    total: u64,
}

/// `GET /catalog`: the books, page by page.
pub(super) async fn browse(
    State(app): State<App<Bookshelf>>,
    query: Result<Query<Browse>, QueryRejection>,
) -> Result<Json<CatalogPage>, ApiError> {
    let Query(browse) = query.map_err(|why| Invalid::field("query", why.body_text()))?;
    let limit = browse.limit.unwrap_or(LIMIT_DEFAULT);
    if limit > LIMIT_MAX {
        let message = format!("must be at most {LIMIT_MAX}, found {limit}");
        return Err(Invalid::field("limit", message).into());
    }
    let view = app.view::<BookCatalog>();
    let mut select = view.select().limit(limit).offset(browse.offset);
    if let Some(author) = browse.author {
        select = select.filter("author", author);
    }
    if let Some(column) = browse.order_by {
        select = select.order_by(&column);
    }
    let page = select.page().await?;
    Ok(Json(CatalogPage {
        entries: page.entries,
        total: page.total,
    }))
}

/// `GET /catalog/{id}`: one book.
pub(super) async fn show(
    State(app): State<App<Bookshelf>>,
    Path(id): Path<String>,
) -> Result<Json<BookCatalog>, ApiError> {
    let not_found = || ApiError::not_found("book_id", &id);
    let book_id: BookId = id.parse().map_err(|_| not_found())?;
    let book = app.view::<BookCatalog>().get(&book_id).await?;
    book.map(Json).ok_or_else(not_found)
}
