#![allow(unused)]

use protean::prelude::*;

struct Mailer;

#[derive(Domain)]
#[domain(name = "bookshelf")]
struct Bookshelf {
    mailer: Mailer,
}

fn main() {}
