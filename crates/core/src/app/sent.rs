//! The span of commands that are being written, where somebody collects spans.

use super::{App, Error, Receipt};
use crate::domain::Domain;
use crate::message::Message;
use crate::port::tracer::{Ending, Outcome, Sending, Span};

/// Something that is being sent.
pub(super) struct Sent(Option<Box<dyn Span>>);

impl Sent {
    /// One command, which belongs to the span from now on.
    pub(super) fn one<D: Domain>(app: &App<D>, message: &mut Message) -> Self {
        Self::all(app, std::iter::once(message))
    }

    /// The commands of a chunk, which share one span. All of them were asked for by the same.
    pub(super) fn all<'a, D: Domain>(
        app: &App<D>,
        messages: impl Iterator<Item = &'a mut Message>,
    ) -> Self {
        let Some(tracer) = app.tracer() else {
            return Self(None);
        };
        let mut messages: Vec<&mut Message> = messages.collect();
        let Some(first) = messages.first() else {
            return Self(None);
        };
        let span = tracer.sends(&Sending {
            message: first,
            lane: app.names().routing().lane(first.priority),
            count: messages.len(),
        });
        if let Some(traceparent) = span.traceparent() {
            for message in &mut messages {
                message.traceparent = Some(traceparent.clone());
            }
        }
        Self(Some(span))
    }

    /// The command was accepted, or not.
    pub(super) fn end<T>(self, result: &Result<T, Error>, receipt: impl Fn(&T) -> &Receipt) {
        let Some(span) = self.0 else { return };
        match result {
            Ok(accepted) => span.end(Ending {
                outcome: match receipt(accepted).duplicate {
                    true => Outcome::Duplicate,
                    false => Outcome::Accepted,
                },
                error: None,
            }),
            Err(error) => refused(span, error),
        }
    }

    /// The first that was not accepted speaks for the chunk.
    pub(super) fn end_all(self, results: &[Result<Receipt, Error>]) {
        let Some(span) = self.0 else { return };
        match results.iter().find_map(|result| result.as_ref().err()) {
            Some(error) => refused(span, error),
            None => span.end(Ending {
                outcome: Outcome::Accepted,
                error: None,
            }),
        }
    }
}

fn refused(span: Box<dyn Span>, error: &Error) {
    let told = match error {
        Error::Failed(failure) => failure.without_payload(),
        other => other.to_string(),
    };
    span.end(Ending {
        outcome: Outcome::Refused,
        error: Some(&told),
    });
}
