#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Aggregate)]
#[aggregate]
struct Book {
    #[id]
    id: BookId,
    #[field(max)]
    title: String,
    #[field(max = 13, max = 17)]
    isbn: String,
    #[field(unique = true)]
    shelf: String,
    #[field(choices = "new")]
    state: String,
    #[field(choices("new", "used", "new"))]
    condition: String,
    #[field(min = "zero")]
    price: Decimal,
}

#[derive(Clone, Event)]
#[event(version = 0)]
struct BookAdded {
    book_id: BookId,
}

#[derive(Clone, Projection)]
#[projection(table = "Book Catalog")]
struct BookCatalog {
    #[id]
    id: BookId,
}

#[derive(Command)]
struct AddBook {
    title: String,
}

#[derive(Clone, Aggregate)]
#[aggregate(events(BookAdded, BookAdded))]
struct Shelf {
    #[id]
    id: BookId,
}

fn main() {}
