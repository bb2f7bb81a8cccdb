//! How whoever waits for messages hears of a commit, in this process and in others.
//!
//! Within a process directly, between processes by `NOTIFY`. It is sent after the commit and not in
//! it: PostgreSQL lets transactions that notify commit one at a time, and no order may wait behind
//! the flush of an import. A notification that is lost with its process costs a delay, never a
//! message: listeners also look at the heads of the queues now and then.

mod ear;
mod listen;
mod news;
mod ring;

pub(crate) use ear::Listening;
pub use ear::{Ear, Word};
pub(crate) use listen::listen;
pub(crate) use news::News;
pub(crate) use ring::{Bell, CHANNEL, SEND_LETTER};
