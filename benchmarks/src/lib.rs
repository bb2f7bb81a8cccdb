//! What the benchmarks have in common.

pub mod bookstore;
pub mod catalog;
pub mod figures;
pub mod front;
pub mod interrupt;
pub mod load;
pub mod look;
pub mod machine;
pub mod processes;
pub mod schedule;
pub mod traffic;
pub mod watch;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use bookshelf::order::{OrderId, PlaceOrder};
use protean::prelude::Decimal;

/// A program beside this one.
///
/// # Errors
/// When there is none, because it was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(name);
    ensure!(
        path.is_file(),
        "expected {}; `cargo xtask bench` builds it",
        path.display()
    );
    Ok(path)
}

/// What a customer asks for who does not order over HTTP.
#[must_use]
pub fn order(order_id: OrderId) -> PlaceOrder {
    PlaceOrder {
        order_id,
        customer_name: "Ada".to_owned(),
        book_title: "Dune".to_owned(),
        quantity: 2,
        unit_price_amount: Decimal::new(999, 2),
    }
}
