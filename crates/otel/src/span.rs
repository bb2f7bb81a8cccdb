//! One span, from its beginning to its end.

use std::sync::Arc;

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Span as SdkSpan;
use protean_core::message::Message;
use protean_core::port::tracer::{Ending, Span};

/// The attribute that says which lane a message is on.
pub(crate) const LANE: &str = "protean.lane";

/// The attribute that says what came of it.
const OUTCOME: &str = "protean.outcome";

/// The longest error that a span has: its dead letter has all of it.
const ERROR_CHARS_MAX: usize = 512;

/// The context of what caused a message, which a `traceparent` names; an empty one for any text
/// that is none.
pub(crate) fn parent(traceparent: Option<&str>) -> Context {
    let empty = Context::new();
    match traceparent.and_then(remote) {
        Some(remote) => empty.with_remote_span_context(remote),
        None => empty,
    }
}

fn remote(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.strip_prefix("00-")?.split('-');
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
    let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

/// A span that has not ended.
pub(crate) struct Open {
    span: SdkSpan,
    has_ended: bool,
}

impl Open {
    pub(crate) const fn new(span: SdkSpan) -> Self {
        Self {
            span,
            has_ended: false,
        }
    }

    /// Says what the message is, and nothing of its payload.
    pub(crate) fn describes(&mut self, message: &Message, operation: &'static str) {
        if !self.span.is_recording() {
            return;
        }
        self.span.set_attributes([
            KeyValue::new("messaging.system", "protean"),
            KeyValue::new("messaging.operation.name", operation),
            KeyValue::new("messaging.operation.type", operation),
            KeyValue::new("messaging.destination.name", message.stream.to_string()),
            KeyValue::new("messaging.message.id", message.id.to_string()),
            KeyValue::new(
                "messaging.message.conversation_id",
                message.correlation_id.to_string(),
            ),
            KeyValue::new("protean.message.type", message.type_name.to_string()),
            KeyValue::new("protean.priority", i64::from(message.priority.value())),
        ]);
    }

    /// Says how many messages it is about.
    pub(crate) fn counts(&mut self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if count > 1 {
            self.span
                .set_attribute(KeyValue::new("messaging.batch.message_count", count));
        }
    }

    /// Says whose try it is, and which.
    pub(crate) fn tries(&mut self, subscription: &str, attempt: u32) {
        if !self.span.is_recording() {
            return;
        }
        self.span.set_attributes([
            KeyValue::new("messaging.consumer.group.name", subscription.to_owned()),
            KeyValue::new("protean.attempt", i64::from(attempt)),
        ]);
    }
}

impl Span for Open {
    fn traceparent(&self) -> Option<Arc<str>> {
        let context = self.span.span_context();
        let text = format!(
            "00-{}-{}-{:02x}",
            context.trace_id(),
            context.span_id(),
            context.trace_flags()
        );
        context.is_valid().then(|| text.into())
    }

    fn end(mut self: Box<Self>, ending: Ending<'_>) {
        self.has_ended = true;
        if self.span.is_recording() {
            self.span
                .set_attribute(KeyValue::new(OUTCOME, ending.outcome.name()));
            if let Some(error) = ending.error {
                self.span
                    .set_attribute(KeyValue::new("error.type", code(error)));
                let told: String = error.chars().take(ERROR_CHARS_MAX).collect();
                self.span.set_status(Status::error(told));
            }
        }
        self.span.end();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.has_ended {
            self.span.set_attribute(KeyValue::new(OUTCOME, "undone"));
        }
    }
}

/// The code of an error, by which errors of one kind are found: `PE0110`.
fn code(error: &str) -> String {
    let coded = error
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let code = coded
        .map(|(code, _)| code)
        .filter(|code| code.starts_with("PE"));
    code.unwrap_or("_OTHER").to_owned()
}
