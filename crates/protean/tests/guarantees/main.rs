//! The lanes contract, L1 to L10, on a real engine and a real file: each guarantee has a test named
//! after it, which fails when the guarantee is broken.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test may panic, and its modules share what they declare"
)]

mod along;
mod imports;
mod lanes;
mod messages;
mod order;
mod poison;
mod shop;
mod streams;
mod throttles;
mod together;
mod told;
mod watched;
