//! What a run uses of the processors.
//!
//! A handler that computes takes from production what no transaction shows: on a machine with few
//! processors, half of what an order could have, even where it gives way at once. So it is counted,
//! and backfill rests for it (L4). One that waits takes nothing.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protean_core::domain::Domain;
use protean_core::thread::processor_time;

use super::batch::{self, Finished, Work};
use super::context::Context;
use crate::lane::Run;

/// Runs messages of backfill, and finds out how long to rest then, as the governor says. The time in
/// which the run used no processor, since it waited or wrote, is a part of that rest.
pub(super) async fn run_and_rest<D: Domain>(context: Arc<Context<D>>, run: Run<Work>) -> Finished {
    let started = Instant::now();
    let (mut finished, used) = counted(batch::run(context.clone(), run)).await;
    let idle = started.elapsed().saturating_sub(used);
    let rest = context.app.tier().broker.rest_after_handlers(used);
    finished.rest = rest.saturating_sub(idle);
    finished
}

/// Does the work, and tells how long it used the threads that it was polled on. What it has done on
/// other threads is not seen.
async fn counted<F: Future>(work: F) -> (F::Output, Duration) {
    let mut work = pin!(work);
    let mut used = Duration::ZERO;
    let output = std::future::poll_fn(|context| {
        let before = processor_time();
        let polled = work.as_mut().poll(context);
        used += processor_time().saturating_sub(before);
        polled
    })
    .await;
    (output, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_computes_is_counted_and_who_waits_is_not() {
        const PARTS: u32 = 20;
        const LONG: Duration = Duration::from_millis(20);
        let computes = async {
            for _ in 0..PARTS {
                let since = processor_time();
                while processor_time() - since < LONG / PARTS {}
                tokio::task::yield_now().await;
            }
        };
        let (_, used) = counted(computes).await;
        assert!(used >= LONG, "{used:?}");
        // sleep: waiting is the point
        let (_, used) = counted(tokio::time::sleep(LONG)).await;
        assert!(used < LONG / 4, "{used:?}");
    }
}
