//! Spans, as a collector gets them.

mod away;
mod collector;
mod environment;
mod sampling;
mod shop;
mod spans;
