#![allow(unused)]

use protean::prelude::*;

struct Empty;

#[command_handler]
impl Empty {
    async fn add(&self) {}
}

struct Generic<T>(T);

#[event_handler]
impl<T> Generic<T> {}

struct Trait;

#[command_handler]
impl Clone for Trait {
    fn clone(&self) -> Self {
        Self
    }
}

#[command_handler]
struct BookCommandHandler;

struct Nowhere;

#[projector]
impl Nowhere {}

fn main() {}
