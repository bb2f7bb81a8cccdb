//! Measurements that somebody may end, with everything that they started.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Builder;

/// How long a watch may go on after a measurement that failed: it would await what never comes.
const WATCH_END_MAX: Duration = Duration::from_secs(1);

/// Somebody wants the benchmark to end.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Does some work on one thread, until somebody wants an end: the processes that it started end
/// with it then. Blocks until it is over and everything that it needed has gone.
///
/// # Errors
/// Those of the work, and [`Interrupted`].
pub fn until_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let interrupted = protean::cli::stop_requested()?;
        tokio::select! {
            done = work => done,
            // What was started ends with the future that is dropped here.
            () = interrupted => Err(Interrupted.into()),
        }
    });
    runtime.shutdown_timeout(WATCH_END_MAX);
    done
}
