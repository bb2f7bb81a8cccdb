//! Whether everything is there exactly once.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use protean::App;
use protean::cli::grouped;
use protean::port::dead_letters::Filter;
use protean::port::store::Query;

use crate::Bookshelf;
use crate::book::Book;
use crate::catalog::BookCatalog;
use crate::order::OrderSummary;

/// What was found.
pub(super) struct Check {
    pub(super) books: u64,
    pub(super) orders: usize,
    /// What is missing, double or too much, one line each.
    pub(super) faults: Vec<String>,
}

/// How many books the shop has.
pub(super) async fn books(app: &App<Bookshelf>) -> Result<u64> {
    let schema = <Book as protean::schema::Record>::SCHEMA;
    let query = Query {
        limit: Some(1),
        ..Query::default()
    };
    let page = app
        .tier()
        .store
        .select(protean::Lane::Primary, schema, &query)
        .await?;
    Ok(page.total)
}

/// Compares the shop with the file that was imported and the orders that were placed.
pub(super) async fn everything(
    app: &App<Bookshelf>,
    catalog: &Path,
    orders: Vec<String>,
) -> Result<Check> {
    let mut faults = Vec::new();
    let mut wanted = titles(catalog)?;
    let expected = wanted.len() as u64;
    let books = books(app).await?;
    if books != expected {
        faults.push(format!(
            "{} books in the file, {} in the shop",
            grouped(expected),
            grouped(books)
        ));
    }
    each_entry(app, |title| match wanted.get_mut(&title) {
        Some(count) => *count += 1,
        None => faults.push(format!(
            "\"{title}\" is in the catalog, but not in the file"
        )),
    })
    .await?;
    for (title, count) in wanted.into_iter().filter(|(_, count)| *count != 1) {
        faults.push(format!("\"{title}\" is in the catalog {count} times"));
    }
    let placed = orders.len();
    let known = app
        .view::<OrderSummary>()
        .select()
        .limit(1)
        .page()
        .await?
        .total;
    if known != placed as u64 {
        faults.push(format!("{placed} orders placed, {known} known"));
    }
    for id in &orders {
        let id = id.parse().context("an order's id is no id")?;
        if app.view::<OrderSummary>().get(&id).await?.is_none() {
            faults.push(format!("the order {id} is missing"));
        }
    }
    for letter in app.tier().dead_letters.list(&Filter::default(), 10).await? {
        faults.push(format!(
            "given up: {} ({})",
            letter.message.type_name, letter.error
        ));
    }
    Ok(Check {
        books,
        orders: placed,
        faults,
    })
}

/// The titles of a catalog file, each seen no times yet.
fn titles(catalog: &Path) -> Result<HashMap<String, u32>> {
    let mut reader = csv::Reader::from_path(catalog)?;
    let records = reader.records();
    records
        .map(|record| Ok((record?[0].to_owned(), 0)))
        .collect()
}

/// Calls `see` with every title of the shop's catalog, page by page.
async fn each_entry(app: &App<Bookshelf>, mut see: impl FnMut(String)) -> Result<()> {
    let mut offset = 0;
    loop {
        let view = app.view::<BookCatalog>();
        let page = view
            .select()
            .limit(Query::LIMIT_MAX)
            .offset(offset)
            .page()
            .await?;
        if page.entries.is_empty() {
            return Ok(());
        }
        offset += page.entries.len() as u64;
        for entry in page.entries {
            see(entry.title);
        }
    }
}
