//! Store, event log, outbox and broker in one PostgreSQL database, shared by any number of
//! machines.
//!
//! State, messages and acknowledgements commit together, as on the embedded tier, so an effect and
//! its acknowledgement can never part (L9). The lanes have pools of connections of their own, and
//! queues of their own, so neither waits for a lock of the other (L2).
//!
//! Several processes share each subscription: they lease ranges of a queue, and a message is handed
//! out only when the one before it with the same key is settled, or in the same hands (L8).

mod bell;
mod broker;
mod commit;
mod controls;
mod database;
mod dead_letters;
mod error;
mod imports;
mod lanes;
mod locks;
mod log;
mod message;
mod options;
mod pace;
mod pool;
mod retention;
mod schema;
mod search;
mod servers;
mod sql;
mod store;
mod tables;
mod trace;
mod trust;
mod value;

pub mod outbox;

pub use database::Postgres;
pub use options::Options;
