//! The embedded tier: store, event log and broker in one SQLite file.
//!
//! Several processes share the file. State, messages and acknowledgements commit together, so an
//! effect and its acknowledgement can never part (L9). Writers pass a [`turnstile`] that lets
//! primary work go first, whichever process it is in (L2).

mod backup;
mod bell;
mod broker;
mod checkpoint;
mod controls;
mod database;
mod dead_letters;
mod error;
mod imports;
mod log;
mod message;
mod options;
mod reader;
mod retention;
mod row;
mod schema;
mod search;
mod servers;
mod sql;
mod store;
mod tables;
mod trace;
pub mod turnstile;
mod writer;

pub use database::Sqlite;
pub use options::{Options, Synchronous};
