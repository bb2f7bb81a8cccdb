//! The span of one try at one message, where somebody collects spans.

use protean_core::Failure;
use protean_core::domain::Domain;
use protean_core::message::Cause;
use protean_core::port::broker::{Delivery, Verdict};
use protean_core::port::tracer::{Ending, Outcome, Running, Span};

use super::context::Context;

/// A try that has begun. Dropped without an end, nothing of it was kept.
pub(super) struct RunSpan {
    span: Option<Box<dyn Span>>,
    /// What comes of it once that is written.
    outcome: Outcome,
    error: Option<String>,
}

impl RunSpan {
    pub(super) fn begin<D: Domain>(
        context: &Context<D>,
        subscription: usize,
        delivery: &Delivery,
    ) -> Self {
        let span = context.app.tracer().map(|tracer| {
            tracer.runs(&Running {
                subscription: &context.subscriptions[subscription],
                lane: delivery.lane,
                attempt: delivery.failures.saturating_add(1),
                message: &delivery.message,
            })
        });
        Self {
            span,
            outcome: Outcome::Done,
            error: None,
        }
    }

    /// What everything that the handler causes inherits.
    pub(super) fn cause(&self, delivery: &Delivery) -> Cause {
        let cause = Cause::of(&delivery.message);
        match self.span.as_ref().and_then(|span| span.traceparent()) {
            Some(traceparent) => Cause {
                traceparent: Some(traceparent),
                ..cause
            },
            None => cause,
        }
    }

    /// The try failed, and this is to become of its message.
    pub(super) fn failed(&mut self, failure: &Failure, verdict: &Verdict) {
        if self.span.is_none() {
            return;
        }
        self.outcome = match verdict {
            Verdict::Park(_) => Outcome::SetAside,
            Verdict::Dead(_) => Outcome::DeadLettered,
            Verdict::Done | Verdict::Withdrawn => Outcome::Dropped,
        };
        self.error = Some(failure.without_payload());
    }

    /// What came of it is written.
    pub(super) fn end(self) {
        let Some(span) = self.span else { return };
        span.end(Ending {
            outcome: self.outcome,
            error: self.error.as_deref(),
        });
    }

    /// Somebody else had settled the message.
    pub(super) fn settled_elsewhere(mut self) {
        self.outcome = Outcome::SettledElsewhere;
        self.end();
    }
}
