//! The envelope: a message as JSON, as Protean for Python 0.18 writes and reads it.
//!
//! Whatever an envelope says that [`Message`] has no field for is kept in [`Rest`], and written
//! again: an envelope from elsewhere survives the way through this one.
//!
//! A consumer in Python that finds a trace context which is no object, or a key that it does not
//! know in an object of the metadata, is stuck at that envelope for good. Neither is ever written.
//! What would be lost by that travels in two extensions, `protean.traceparent` and `protean.rest`,
//! which every version lets be, and which are taken apart again by the next reader here.
//!
//! Nearly every envelope is one that this version wrote itself. For those, and for messages without
//! a rest, there is a short way in both directions that builds no tree of values; the long way takes
//! everything, and both give the same.

mod canonical;
mod decode;
mod encode;
mod error;
mod fields;
mod quick;
mod rest;
mod scan;
mod shape;
mod text;
mod traceparent;

#[cfg(test)]
mod tests;

pub use canonical::checksum;
pub use decode::decode;
pub use encode::encode;
pub use error::Error;
pub use rest::Rest;

#[cfg(doc)]
use super::Message;

/// The longest envelope that is read: no message of an application comes near it, and no text from
/// outside may fill the memory.
pub const ENVELOPE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Whether a text is a trace context of version 00.
pub(crate) fn is_trace_context(text: &str) -> bool {
    traceparent::Parts::of(text).is_some()
}
