//! The span of one try at one message, where somebody collects spans.

use protean_core::domain::Domain;
use protean_core::message::{Cause, Message};
use protean_core::port::broker::{Delivery, Verdict};
use protean_core::port::tracer::{Ending, Outcome, Running, Span};
use protean_core::{Failure, Lane};

use super::context::Context;

/// A try that has begun. Dropped without an end, nothing of it was kept.
pub(super) struct RunSpan {
    span: Option<Box<dyn Span>>,
    /// What comes of it once that is written.
    outcome: Outcome,
    error: Option<String>,
}

impl RunSpan {
    /// A try at a message that was delivered.
    pub(super) fn of<D: Domain>(
        context: &Context<D>,
        subscription: usize,
        delivery: &Delivery,
    ) -> Self {
        let attempt = delivery.failures.saturating_add(1);
        Self::begin(
            context,
            subscription,
            (delivery.lane, attempt),
            &delivery.message,
        )
    }

    /// A try at a message on a lane, by its number.
    pub(super) fn begin<D: Domain>(
        context: &Context<D>,
        subscription: usize,
        (lane, attempt): (Lane, u32),
        message: &Message,
    ) -> Self {
        let span = context.app.tracer().map(|tracer| {
            tracer.runs(&Running {
                subscription: &context.subscriptions[subscription],
                lane,
                attempt,
                message,
            })
        });
        Self {
            span,
            outcome: Outcome::Done,
            error: None,
        }
    }

    /// What everything that the handler causes inherits.
    pub(super) fn cause(&self, message: &Message) -> Cause {
        let cause = Cause::of(message);
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
