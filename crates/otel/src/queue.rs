//! The queue between those who end spans and the thread that sends them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SpanData;

/// The most spans that wait. They are about a kilobyte each, so that a collector that is away costs
/// some megabytes, and one that is slow for a moment loses nothing.
const QUEUE_MAX: usize = 8_192;

/// The most spans in one request: about half a megabyte, which every collector takes.
pub(crate) const BATCH_MAX: usize = 512;

/// How long a span waits for others: less than whoever looks for it notices.
const DELAY: Duration = Duration::from_secs(1);

/// Spans that have ended and are not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// There is something to do for whoever sends.
    filled: Condvar,
    /// Everything is sent.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<SpanData>,
    is_sending: bool,
    /// Somebody waits until everything is sent.
    is_urgent: bool,
    is_closed: bool,
    /// Spans that found no place since that was asked last.
    lost: u64,
}

/// What is to be sent next.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    pub(crate) spans: Vec<SpanData>,
    /// Spans that found no place meanwhile.
    pub(crate) lost: u64,
}

impl Queue {
    /// Takes a span, if there is a place; never waits.
    pub(crate) fn push(&self, span: SpanData) {
        let mut state = self.state();
        if state.is_closed || state.waiting.len() >= QUEUE_MAX {
            state.lost += 1;
            return;
        }
        state.waiting.push(span);
        let is_first = state.waiting.len() == 1;
        if is_first || state.waiting.len() == BATCH_MAX {
            self.filled.notify_one();
        }
    }

    /// Waits for the next batch; what was taken before is sent. Nothing once the queue is closed.
    pub(crate) fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        state.is_sending = false;
        if state.waiting.is_empty() {
            state.is_urgent = false;
            self.emptied.notify_all();
        }
        while state.waiting.is_empty() && !state.is_closed {
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let is_early = |state: &mut State| {
            state.waiting.len() < BATCH_MAX && !state.is_urgent && !state.is_closed
        };
        let mut state = self
            .filled
            .wait_timeout_while(state, DELAY, is_early)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if state.is_closed {
            return None;
        }
        let count = state.waiting.len().min(BATCH_MAX);
        let rest = state.waiting.split_off(count);
        let spans = std::mem::replace(&mut state.waiting, rest);
        state.is_sending = true;
        Some(Batch {
            spans,
            lost: std::mem::take(&mut state.lost),
        })
    }

    /// Waits until everything is sent, at most so long; whether it is.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.state();
        while !state.is_closed && (state.is_sending || !state.waiting.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state.is_urgent = true;
            self.filled.notify_one();
            let waited = self.emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Takes nothing more, and gives nothing more out.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    /// Every change leaves the state whole, so one that was in a panic is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    /// Longer than any of these tests takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn span() -> SpanData {
        SpanData {
            span_context: SpanContext::empty_context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "a".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[test]
    fn what_finds_no_place_is_lost_and_counted() {
        let queue = Queue::default();
        for _ in 0..QUEUE_MAX + 7 {
            queue.push(span());
        }
        let first = queue.next().unwrap();
        assert_eq!((first.spans.len(), first.lost), (BATCH_MAX, 7));
        let mut rest = 0;
        while rest < QUEUE_MAX - BATCH_MAX {
            let batch = queue.next().unwrap();
            assert_eq!((batch.spans.len(), batch.lost), (BATCH_MAX, 0));
            rest += batch.spans.len();
        }
    }

    #[test]
    fn a_flush_ends_when_everything_is_sent() {
        let queue = Arc::new(Queue::default());
        assert!(queue.flush(Duration::ZERO), "there is nothing to send");
        queue.push(span());
        assert!(!queue.flush(Duration::ZERO), "nobody sends it");
        let sender = std::thread::spawn({
            let queue = queue.clone();
            move || std::iter::from_fn(|| queue.next()).count()
        });
        assert!(queue.flush(PATIENCE));
        queue.close();
        assert_eq!(sender.join().unwrap(), 1);
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_holds_nobody() {
        let queue = Queue::default();
        queue.push(span());
        queue.close();
        queue.push(span());
        assert_eq!(queue.next(), None);
        assert!(queue.flush(PATIENCE));
    }
}
