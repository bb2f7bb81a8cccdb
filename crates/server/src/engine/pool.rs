//! The threads that backfill handlers run on.

use protean_core::thread::stand_back_but_for;
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads of their own for backfill, so that a handler that burns processor time there never
/// keeps a primary one from its thread (L2, L3).
pub(super) struct BackfillPool {
    runtime: Option<Runtime>,
}

impl BackfillPool {
    /// Starts this many threads, which stand back but for `min_share` (L6).
    pub(super) fn start(threads: usize, min_share: f64) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("backfill")
            .on_thread_start(move || stand_back_but_for(min_share))
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
        })
    }

    /// Where to spawn backfill work.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }
}

/// A runtime must not be dropped where blocking is not allowed, and the engine ends in async code.
impl Drop for BackfillPool {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
