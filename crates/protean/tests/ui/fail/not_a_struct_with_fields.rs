#![allow(unused)]

use protean::prelude::*;

#[derive(Clone, Event)]
struct BookAdded(String);

#[derive(Clone, Event)]
enum BookRetired {
    Lost,
    Sold,
}

#[derive(Clone, Event)]
struct BookRenamed<T> {
    title: T,
}

#[derive(Command)]
#[command(of = Book)]
struct AddBook<'a> {
    title: &'a str,
}

#[derive(Domain)]
#[domain(name = "bookshelf")]
struct Bookshelf(BookCommandHandler);

struct Book;
struct BookCommandHandler;

fn main() {}
