#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Event)]
struct BookAdded {
    #[id]
    book_id: BookId,
}

#[derive(Clone, Projection)]
struct BookCatalog {
    #[id]
    book_id: Option<BookId>,
}

#[derive(Clone, Projection)]
struct BookPrice {
    #[id(generated)]
    book_id: BookId,
}

fn main() {}
