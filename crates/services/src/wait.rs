//! Waiting for what gives no signal: a server of somebody else's that gets ready, or ends.

use std::time::{Duration, Instant};

/// The pause between two looks: short beside the start of any server, long beside the cost of a
/// look.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `done` says yes, for `limit` at most; whether it did.
pub(crate) fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        // sleep: between two looks at another process, which has no signal for this one
        std::thread::sleep(PAUSE);
    }
}
