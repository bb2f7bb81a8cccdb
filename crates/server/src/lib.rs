//! The engine: lanes, subscriptions, retries and dead letters.

mod engine;
pub mod lane;

pub use engine::{Error, Options, Summary, run};
