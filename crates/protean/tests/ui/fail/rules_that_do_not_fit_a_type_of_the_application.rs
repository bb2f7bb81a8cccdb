#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Event)]
struct BookAdded {
    #[field(max = 36)]
    book_id: BookId,
    #[field(pattern = "[a-f]+")]
    first: Option<BookId>,
}

fn main() {}
