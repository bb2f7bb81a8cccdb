#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Aggregate)]
struct Book {
    #[id]
    id: BookId,
}

#[derive(Command)]
#[command(of = Book)]
struct AddBook {}

struct BookCommandHandler;

#[command_handler]
impl BookCommandHandler {
    #[handle]
    fn blocking(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[handle]
    async fn exclusive(&mut self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[handle]
    async fn nobody(command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[handle]
    async fn without_unit(&self, command: AddBook) -> Result<(), Failure> {
        Ok(())
    }

    #[handle]
    async fn borrowed(&self, command: &AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[handle]
    async fn shared_unit(&self, command: AddBook, unit: &Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[handle]
    async fn silent(&self, command: AddBook, unit: &mut Unit<'_>) {}

    #[handle]
    async fn generic<T>(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[handle(first)]
    async fn marked(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
