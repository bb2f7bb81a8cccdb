//! What was done with messages: written by the commits that settle them, read for `events trace`.

mod fates;
mod written;

pub(crate) use fates::fates;
pub(crate) use written::Traces;
