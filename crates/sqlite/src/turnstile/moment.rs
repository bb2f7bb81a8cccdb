//! A moment that all processes on a machine can see: eight bytes in a lock file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment kept in a file, as nanoseconds of the clock that all processes share. After the machine
/// has started anew, what the file says is of no meaning, and of no harm: it is too far away.
#[derive(Debug)]
pub(super) struct Moment<'f>(pub(super) &'f File);

impl Moment<'_> {
    /// The moment; the beginning of the clock when there is none.
    pub(super) fn get(&self) -> Duration {
        let mut bytes = [0; 8];
        match self.0.read_exact_at(&mut bytes, 0) {
            Ok(()) => Duration::from_nanos(u64::from_le_bytes(bytes)),
            Err(_) => Duration::ZERO,
        }
    }

    /// Keeps a moment. One that cannot be kept costs some politeness, and nothing else.
    pub(super) fn set(&self, moment: Duration) {
        let nanos = u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX);
        if let Err(error) = self.0.write_all_at(&nanos.to_le_bytes(), 0) {
            tracing::debug!(%error, "a moment of the turnstile is not kept");
        }
    }
}

/// Now, on the clock that all processes share.
pub(super) fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
