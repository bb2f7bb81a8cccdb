//! What happens to commits and messages when PostgreSQL, the network or a process fails: what was
//! answered is kept, once, and each message takes effect once (L9), those of a key one after
//! another (L8).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod commits;
mod engine;
mod lanes;
mod rig;
mod sharing;
