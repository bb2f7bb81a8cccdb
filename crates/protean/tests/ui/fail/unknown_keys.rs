#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Aggregate)]
#[aggregate(event(BookAdded))]
struct Book {
    #[id]
    id: BookId,
    #[field(maximum = 200)]
    title: String,
}

#[derive(Clone, Event)]
#[event(name = "added")]
struct BookAdded {
    book_id: BookId,
}

#[derive(Command)]
#[command(of = Book, returns = BookId)]
struct AddBook {
    title: String,
}

#[derive(Clone, Projection)]
#[projection(of = Book)]
struct BookCatalog {
    #[id]
    id: BookId,
}

struct BookCommandHandler;

#[command_handler(of = Book)]
impl BookCommandHandler {
    #[handle]
    async fn add(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

struct BookEventHandler;

#[event_handler(of = Book)]
impl BookEventHandler {
    #[on]
    async fn added(&self, event: BookAdded, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

#[derive(Domain)]
#[domain(title = "bookshelf")]
struct Bookshelf {}

fn main() {}
