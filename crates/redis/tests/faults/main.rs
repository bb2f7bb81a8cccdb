//! What happens to messages when Redis, PostgreSQL, the network or a process fails: each takes
//! effect once, whatever is lost on the way (L9), and those of a key one after another (L8).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod carried;
mod cuts;
#[path = "../../../postgres/tests/faults/engine.rs"]
mod engine;
mod history;
mod losses;
mod relays;
mod rig;
mod takeovers;
mod unpublished;
