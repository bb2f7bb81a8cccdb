//! What a run uses of the processors.
//!
//! A handler that computes takes from production what no transaction shows: on a machine with few
//! processors, half of what an order could have, even where it gives way at once. So it is counted,
//! and backfill rests for it (L4). One that waits takes nothing.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protean_core::Lane;
use protean_core::domain::Domain;
use protean_core::port::Broker;
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

/// How long backfill computes before it leaves its processor for a moment, while production is
/// about. However little a thread is worth, who wakes up on its processor may wait for the system to
/// look again, some milliseconds.
const BURST_MAX: Duration = Duration::from_micros(300);

/// That moment: whoever waits begins then, and goes on as long as it needs.
const BREATH: Duration = Duration::from_micros(20);

/// The bursts that a run computes in.
pub(super) struct Bursts {
    /// What the thread had used when the burst began; none if there is no need for breaths.
    began: Option<Duration>,
}

impl Bursts {
    /// Bursts of a run of this lane, which begins.
    pub(super) fn of(broker: &dyn Broker, lane: Lane) -> Self {
        let rests = lane == Lane::Backfill && !broker.rest_after_handlers(BURST_MAX).is_zero();
        Self {
            began: rests.then(processor_time),
        }
    }

    /// Takes a breath when it is time. It blocks the thread, which is one of those for backfill: a
    /// task that yields would have it go on with another.
    pub(super) fn breathe(&mut self) {
        let Some(began) = &mut self.began else { return };
        match processor_time().checked_sub(*began) {
            Some(burst) if burst < BURST_MAX => return,
            // sleep: the processor is for others meanwhile
            Some(_) => std::thread::sleep(BREATH),
            // Another thread has the run now.
            None => {}
        }
        *began = processor_time();
    }
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

    fn compute(long: Duration) {
        let since = processor_time();
        while processor_time() - since < long {}
    }

    #[test]
    fn l3_a_run_that_computes_takes_breaths() {
        let began = processor_time();
        let mut bursts = Bursts { began: Some(began) };
        bursts.breathe();
        assert_eq!(bursts.began, Some(began), "the burst has only begun");
        compute(2 * BURST_MAX);
        let before = Instant::now();
        bursts.breathe();
        assert!(before.elapsed() >= BREATH);
        assert!(bursts.began >= Some(began + BURST_MAX), "another begins");
    }

    #[tokio::test]
    async fn who_computes_is_counted_and_who_waits_is_not() {
        const PARTS: u32 = 20;
        const LONG: Duration = Duration::from_millis(20);
        let computes = async {
            for _ in 0..PARTS {
                compute(LONG / PARTS);
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
