//! The bookstore as its users start it: programs of their own, on one file, some of them killed.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic, and its modules share what they declare"
)]

mod commands;
mod http;
mod importer;
mod kill;
mod poison;
mod shop;
mod terminals;
mod web;
mod workers;
