//! The thread that sends spans.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use protean_core::thread::stand_back;

use crate::Error;
use crate::queue::{Batch, Queue};

/// How often a loss is told at most: whoever reads the log knows after the first.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Puts spans that end into the queue of a thread.
#[derive(Debug)]
pub(crate) struct Courier {
    queue: Arc<Queue>,
}

impl Courier {
    /// Starts the thread, which ends when the queue is closed.
    pub(crate) fn start<E>(queue: Arc<Queue>, exporter: E) -> Result<Self, Error>
    where
        E: SpanExporter + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Thread)?;
        let spans = queue.clone();
        let work = move || {
            // Handlers go first: a span may well come late.
            stand_back();
            let mut losses = Losses::default();
            while let Some(Batch { spans, lost }) = spans.next() {
                let count = spans.len() as u64;
                let sent = runtime.block_on(exporter.export(spans));
                losses.add(lost, "they came faster than the collector takes them");
                if let Err(error) = sent {
                    losses.add(count, error);
                }
            }
        };
        let thread = std::thread::Builder::new().name("spans".to_owned());
        thread.spawn(work).map_err(Error::Thread)?;
        Ok(Self { queue })
    }
}

impl SpanProcessor for Courier {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.queue.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.flush(timeout);
        self.queue.close();
        Ok(())
    }
}

/// Spans that were lost.
#[derive(Default)]
struct Losses {
    untold: u64,
    told: Option<Instant>,
}

impl Losses {
    /// Counts more, and tells the log if it is time to.
    fn add(&mut self, count: u64, why: impl std::fmt::Display) {
        if let Some(lost) = self.count(count, Instant::now()) {
            tracing::warn!(lost, %why, "spans are lost");
        }
    }

    /// Counts more; how many are to be told of now.
    fn count(&mut self, count: u64, now: Instant) -> Option<u64> {
        self.untold += count;
        let told = self.told.map(|told| now.duration_since(told));
        if count == 0 || told.is_some_and(|since| since < TOLD_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_at_once_and_the_next_ones_together_a_minute_later() {
        let mut losses = Losses::default();
        let now = Instant::now();
        assert_eq!(losses.count(0, now), None);
        assert_eq!(losses.count(5, now), Some(5));
        assert_eq!(losses.count(2, now + TOLD_EVERY / 2), None);
        assert_eq!(losses.count(0, now + TOLD_EVERY), None);
        assert_eq!(losses.count(1, now + TOLD_EVERY), Some(3));
    }
}
