//! The advisory locks, which are told apart by numbers alone: all of them are here, lest two be the
//! same.

/// Whoever makes or changes tables.
pub(crate) const SETUP: i64 = 0x7072_6f74_6561_6e01;

/// Whoever relays a lane, by the number of the lane.
pub(crate) const RELAYS: i32 = 0x7072_6f74;

/// Whoever runs an import, by a hash of its name.
pub(crate) const IMPORTS: i32 = 0x7072_6f75;

/// Whoever cleans, with the hash of nothing.
pub(crate) const RETENTION: i32 = 0x7072_6f76;

/// Whoever trims queues alone, and who begins to read them together.
pub(crate) const TRIMMING: i64 = 0x7072_6f74_6561_6e02;
