//! How far a file was read.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes of a file were read, for whoever shows progress. Shared between threads.
#[derive(Debug, Default)]
pub struct Meter {
    read: AtomicU64,
    total: Option<u64>,
}

impl Meter {
    pub(crate) const fn new(total: Option<u64>) -> Self {
        Self {
            read: AtomicU64::new(0),
            total,
        }
    }

    /// The bytes read so far, packed as they are on the disk. Somewhat ahead of the rows.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The bytes of the whole file; `None` for a pipe.
    #[must_use]
    pub const fn bytes_total(&self) -> Option<u64> {
        self.total
    }
}

/// Counts what is read through it.
pub(crate) struct Counted<R> {
    inner: R,
    meter: Arc<Meter>,
}

impl<R> Counted<R> {
    pub(crate) fn new(inner: R, meter: &Arc<Meter>) -> Self {
        Self {
            inner,
            meter: meter.clone(),
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
