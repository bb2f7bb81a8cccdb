#![allow(unused)]

use protean::prelude::*;

#[derive(Clone, Aggregate)]
struct Book {
    title: String,
}

#[derive(Clone, Projection)]
struct BookCatalog {
    title: String,
}

fn main() {}
