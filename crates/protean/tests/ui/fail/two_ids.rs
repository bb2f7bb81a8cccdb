#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Aggregate)]
struct Book {
    #[id]
    id: BookId,
    #[id]
    isbn: String,
}

fn main() {}
