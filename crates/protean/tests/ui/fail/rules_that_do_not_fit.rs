#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Event)]
struct BookAdded {
    #[field(pattern = "[0-9]+")]
    quantity: i64,
    #[field(choices("1", "2"))]
    volume: Option<u8>,
    #[field(scale = 2)]
    title: String,
    #[field(max = 1)]
    rare: bool,
    #[field(min = 0)]
    added_at: Timestamp,
    #[field(min = -1)]
    isbn: String,
    #[field(max = 2.5)]
    shelves: u32,
    #[field(min = 5, max = 4)]
    price: Decimal,
    #[field(unique)]
    reference: String,
    #[field(index)]
    author: String,
}

#[derive(Clone, Projection)]
struct BookCatalog {
    #[id]
    id: BookId,
    #[field(default = "unknown")]
    author: Option<String>,
    #[field(scale = 29)]
    price: Decimal,
}

fn main() {}
