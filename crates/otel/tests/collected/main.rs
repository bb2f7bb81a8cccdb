//! Spans, as a collector gets them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod away;
mod collector;
mod environment;
mod sampling;
mod shop;
mod spans;
