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
struct RetireBook {}

struct BookCommandHandler;

#[command_handler]
impl BookCommandHandler {
    #[handle]
    async fn retire(&self, command: RetireBook, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

#[derive(Domain)]
#[domain(name = "bookshelf")]
struct Bookshelf {}

fn retire(app: App<Bookshelf>) {
    let _ = app.process(RetireBook {});
}

fn main() {}
