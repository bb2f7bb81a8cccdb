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
    async fn add(&self, command: AddBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        let counter = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(counter);
        Ok(())
    }
}

fn main() {}
