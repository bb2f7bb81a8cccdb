#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Event)]
struct BookAdded {
    book_id: BookId,
}

#[derive(Clone, Aggregate)]
struct Book {
    #[id]
    id: BookId,
}

fn add() -> Result<Root<Book>, Invalid> {
    let mut book = Root::new(Book { id: BookId::new() })?;
    let book_id = book.id;
    book.raise(BookAdded { book_id });
    Ok(book)
}

fn main() {}
