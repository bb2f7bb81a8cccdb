//! The broker of the distributed tier: Redis Streams, fed from the outbox in PostgreSQL.
//!
//! A commit writes its messages to PostgreSQL and is done: Redis being away rejects nothing. A relay
//! publishes them, in order, and keeps backfill streams shallow, so that an import of any size costs
//! Redis the same memory. Consumer groups hand them out to any number of processes. What is settled
//! is known in PostgreSQL, with the state (L9): Redis may lose everything, at any time.
//!
//! What Redis does not have, since it was flushed or has been read by others long before, a
//! subscription is fed from PostgreSQL.

mod broker;
mod carrier;
mod entry;
mod error;
mod feed;
mod foreign;
mod handover;
mod keys;
mod link;
mod mirror;
mod options;
mod relay;
mod relays;
mod script;
mod tables;
mod watch;

pub use broker::Redis;
pub use options::Options;
