#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Aggregate)]
#[aggregate(events(BookAdded))]
struct Book {
    #[id]
    id: BookId,
}

#[derive(Clone, Event)]
struct BookAdded {}

#[derive(Command)]
#[command(of = Book, reply = BookId)]
struct AddBook {}

struct BookCommandHandler;

#[command_handler]
impl BookCommandHandler {
    #[handle]
    async fn add(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

struct Librarian;

#[event_handler]
impl Librarian {
    #[on]
    async fn added(&self, event: BookAdded, unit: &mut Unit<'_>) -> Result<u32, Failure> {
        Ok(1)
    }
}

fn main() {}
