#![allow(unused)]

use protean::prelude::*;

#[derive(Clone, Event)]
struct BookAdded {
    #[field(with = no_spaces)]
    title: String,
    #[field(default = 7)]
    author: String,
}

fn no_spaces(text: &str) -> bool {
    !text.contains(' ')
}

fn main() {}
