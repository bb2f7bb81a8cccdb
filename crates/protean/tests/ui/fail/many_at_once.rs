#![allow(unused)]

use protean::prelude::*;

protean::id! {
    struct BookId;
}

#[derive(Clone, Aggregate)]
#[aggregate(events(BookAdded))]
struct Book {
    #[id]
    id: BookId,
}

#[derive(Clone, Event)]
struct BookAdded {}

#[derive(Clone, Projection)]
struct Catalog {
    #[id]
    id: BookId,
}

struct Watcher;

#[event_handler]
impl Watcher {
    #[on_many]
    async fn one(&self, event: BookAdded, units: &mut Units<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[on_many]
    fn blocking(&self, events: Vec<BookAdded>, units: &mut Units<'_>) -> Result<(), Failure> {
        Ok(())
    }

    #[on_many]
    async fn without_units(&self, events: Vec<BookAdded>) -> Result<(), Failure> {
        Ok(())
    }

    #[on_many]
    async fn shared(&self, events: Vec<BookAdded>, units: &Units<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

struct Both;

#[event_handler]
impl Both {
    #[on]
    #[on_many]
    async fn both(&self, events: Vec<BookAdded>, units: &mut Units<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

struct Projector;

#[projector(into = Catalog)]
impl Projector {
    #[on]
    async fn one(&self, event: BookAdded, rows: &mut Rows<'_, Catalog>) -> Result<(), Failure> {
        Ok(())
    }

    #[on_many]
    async fn many(
        &self,
        events: Vec<BookAdded>,
        rows: &mut Rows<'_, Catalog>,
    ) -> Result<(), Failure> {
        Ok(())
    }
}

struct Confused;

#[event_handler]
impl Confused {
    #[on_many]
    async fn one_unit(&self, events: Vec<BookAdded>, unit: &mut Unit<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {}
