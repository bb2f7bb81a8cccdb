#![allow(unused)]

use protean::prelude::*;

#[derive(Clone, Event)]
struct BookAdded {
    copies: u64,
    title: String,
}

fn main() {}
