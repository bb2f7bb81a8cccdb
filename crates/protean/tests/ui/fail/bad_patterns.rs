#![allow(unused)]

use protean::prelude::*;

#[derive(Clone, Event)]
struct BookAdded {
    #[field(pattern = "[0-9")]
    isbn: String,
    #[field(pattern = "(?x) [a-z]+ # letters")]
    slug: String,
    #[field(pattern = r"\p{Greek}+")]
    title: String,
}

fn main() {}
