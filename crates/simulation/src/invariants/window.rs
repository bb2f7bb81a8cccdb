//! A stream holds no more than its window, however deep the outbox is.

use super::Invariant;
use crate::watch::Watch;

/// A stream was published to.
pub(crate) fn check(watch: &Watch, length: u64, window: u64) {
    watch.check(Invariant::Window, length <= window, || {
        format!("a stream holds {length} messages, its window is {window}")
    });
}
