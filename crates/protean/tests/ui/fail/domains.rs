#![allow(unused)]

use protean::prelude::*;

struct BookCommandHandler;

#[derive(Domain)]
struct Nameless {}

#[derive(Domain)]
#[domain(name = "Bookshelf")]
struct Uppercase {}

#[derive(Domain)]
#[domain(name = "")]
struct Empty {}

#[derive(Domain)]
#[domain(name = "book::shelf")]
struct Punctuated {}

#[derive(Domain)]
#[domain(name = "bookshelf")]
struct Twice {
    books: BookCommandHandler,
    more_books: BookCommandHandler,
}

#[derive(Domain)]
#[domain(name = "bookshelf")]
struct Generic<T> {
    #[domain(skip)]
    mailer: T,
}

fn main() {}
