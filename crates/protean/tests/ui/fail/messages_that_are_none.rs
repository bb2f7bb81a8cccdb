#![allow(unused)]

use protean::prelude::*;

struct AddBook;
struct BookAdded;
struct BookCatalog;
struct Book;

#[derive(Command)]
#[command(of = Book)]
struct RetireBook {}

struct BookCommandHandler;

#[command_handler]
impl BookCommandHandler {
    #[handle]
    async fn add(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

struct BookCatalogProjector;

#[projector(into = BookCatalog)]
impl BookCatalogProjector {
    #[on]
    async fn added(
        &self,
        event: BookAdded,
        rows: &mut Rows<'_, BookCatalog>,
    ) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
