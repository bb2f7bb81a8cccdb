#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
    struct ShelfId;
}

#[derive(Clone, Event)]
struct BookPlaced {
    book_id: BookId,
}

#[derive(Clone, Aggregate)]
#[aggregate(events(BookPlaced))]
struct Book {
    #[id]
    id: BookId,
}

#[derive(Clone, Aggregate)]
#[aggregate(events(BookPlaced))]
struct Shelf {
    #[id]
    id: ShelfId,
}

fn main() {}
