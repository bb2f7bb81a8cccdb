//! Notes that all processes on a machine can see: some bytes in a lock file.
//!
//! A note that cannot be kept, or that is read while it is written, costs some politeness, and
//! nothing else. After the machine has started anew, its times are of no meaning, and of no harm:
//! they are too far away.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use protean_core::governor::Level;
use rustix::time::{ClockId, clock_gettime};

/// When backfill work was seen last, and until when it rests, by the clock that all processes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// The end of the last backfill turn.
    pub(super) since: Duration,
    /// When the next one may begin.
    pub(super) until: Duration,
}

pub(super) fn read_rest(file: &File) -> Rest {
    let time = |place| Duration::from_nanos(u64::from_le_bytes(read(file, place)));
    Rest {
        since: time(0),
        until: time(8),
    }
}

pub(super) fn write_rest(file: &File, rest: Rest) {
    let mut bytes = [0; 16];
    for (place, time) in bytes.chunks_exact_mut(8).zip([rest.since, rest.until]) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        place.copy_from_slice(&nanos.to_le_bytes());
    }
    write(file, &bytes);
}

pub(super) fn read_level(file: &File) -> Level {
    Level::from_bytes(&read(file, 0))
}

pub(super) fn write_level(file: &File, level: Level) {
    write(file, &level.to_bytes());
}

/// Bytes of a file; zeros where there are none yet.
fn read<const COUNT: usize>(file: &File, place: u64) -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    match file.read_exact_at(&mut bytes, place) {
        Ok(()) => bytes,
        Err(_) => [0; COUNT],
    }
}

fn write(file: &File, bytes: &[u8]) {
    if let Err(error) = file.write_all_at(bytes, 0) {
        tracing::debug!(%error, "a note of the turnstile is not kept");
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
