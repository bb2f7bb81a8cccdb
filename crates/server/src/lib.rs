//! The engine: lanes, subscriptions, retries and dead letters.

pub mod cleaning;
mod engine;
pub mod lane;
pub mod monitor;
pub mod stall;

pub use engine::{Error, Options, Payloads, Summary, run, run_watched};
pub use monitor::Monitor;
