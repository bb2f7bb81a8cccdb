//! The bookstore as its users start it: programs of their own, on one file or on servers, some of
//! them killed.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic, and its modules share what they declare"
)]

mod backup;
mod cluster;
mod commands;
mod customer;
mod follow;
mod http;
mod importer;
mod imports;
mod kill;
mod lanes;
mod logs;
mod metrics;
mod outage;
mod poison;
mod precedence;
mod program;
mod pty;
mod retention;
mod rolling;
mod servers;
mod shop;
mod terminal;
mod terminals;
mod tier;
mod traces;
mod watched;
mod web;
mod workers;
