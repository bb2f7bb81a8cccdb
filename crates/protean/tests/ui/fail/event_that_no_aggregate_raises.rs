#![allow(unused)]

use protean::prelude::*;

#[derive(Clone, Event)]
struct BookLost {
    title: String,
}

struct Librarian;

#[event_handler]
impl Librarian {
    #[on]
    async fn lost(&self, event: BookLost, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
