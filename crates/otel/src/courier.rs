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
        self.untold += count;
        let is_time = self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        if count == 0 || !is_time {
            return;
        }
        tracing::warn!(lost = self.untold, %why, "spans are lost");
        self.untold = 0;
        self.told = Some(Instant::now());
    }
}
