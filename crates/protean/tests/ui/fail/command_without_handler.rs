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

#[derive(Domain)]
#[domain(name = "bookshelf")]
struct Bookshelf {}

fn retire(app: App<Bookshelf>) {
    let _ = app.process(RetireBook {});
}

fn main() {}
