//! What the log says about messages: a line for each at debug, a line for each batch at info, and
//! always the correlation id, by which all that one request caused is found; of a batch that of its
//! first message, and how many others there are.
//!
//! What messages say is nobody's business who reads a log, unless it was asked for.

use std::collections::HashSet;
use std::time::Duration;

use protean_core::message::Message;
use protean_core::port::broker::{Delivery, Subscription};
use protean_core::port::store::Refused;
use protean_core::{Failure, Lane, port};

use super::Payloads;

/// Tells the log about the messages of one subscription.
#[derive(Clone, Copy)]
pub(super) struct Narrator<'a> {
    pub(super) subscription: &'a Subscription,
    pub(super) payloads: Payloads,
}

/// A line about one message.
macro_rules! about {
    ($level:ident, $narrator:expr, $delivery:expr, $($rest:tt)*) => {
        tracing::$level!(
            subscription = %$narrator.subscription.name,
            stream = %$narrator.subscription.stream,
            lane = %$delivery.lane,
            position = $delivery.position.0,
            r#type = %$delivery.message.type_name,
            id = %$delivery.message.id,
            correlation_id = %$delivery.message.correlation_id,
            payload = $narrator.payload($delivery).map(tracing::field::display),
            $($rest)*
        )
    };
}

impl Narrator<'_> {
    /// A handler had a message for so long.
    pub(super) fn ran(self, delivery: &Delivery, took: Duration) {
        let (failures, took_ms) = (delivery.failures, millis(took));
        about!(debug, self, delivery, failures, took_ms, "message ran");
    }

    /// A handler had a message for so long that is about to be committed.
    pub(super) fn ran_along(self, message: &Message, took: Duration) {
        tracing::debug!(
            subscription = %self.subscription.name,
            stream = %self.subscription.stream,
            r#type = %message.type_name,
            id = %message.id,
            correlation_id = %message.correlation_id,
            took_ms = millis(took),
            "message ran along"
        );
    }

    /// A message failed.
    pub(super) fn failed(self, delivery: &Delivery, failure: &Failure) {
        let error = self.text(failure);
        about!(warn, self, delivery, error, "message failed");
    }

    /// So many messages failed together, of which this is the first.
    pub(super) fn failed_together(self, delivery: &Delivery, together: usize, failure: &Failure) {
        let error = self.text(failure);
        about!(
            info,
            self,
            delivery,
            together,
            error,
            "messages failed together; each is tried alone"
        );
    }

    /// So many messages cannot be settled together, of which this is the first.
    pub(super) fn refused_together(self, delivery: &Delivery, together: usize, why: &Refused) {
        about!(
            info,
            self,
            delivery,
            together,
            %why,
            "messages cannot be settled together; each is tried alone"
        );
    }

    /// A message was settled by somebody else.
    pub(super) fn handled_elsewhere(self, delivery: &Delivery) {
        about!(warn, self, delivery, "handled elsewhere");
    }

    /// What a message did cannot be written for now.
    pub(super) fn store_is_away(self, delivery: &Delivery, error: &port::Error) {
        about!(
            warn,
            self,
            delivery,
            %error,
            "the store is away; the message is tried again"
        );
    }

    /// A batch of these ended, after so long; `left` more were not run. Of their requests the first
    /// is named, and the others are counted.
    pub(super) fn batch<'a>(
        self,
        lane: Lane,
        ran: impl ExactSizeIterator<Item = &'a Delivery>,
        left: usize,
        took: Duration,
    ) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let run = ran.len();
        let mut ids = ran.map(|delivery| &*delivery.message.correlation_id);
        let first = ids.next();
        let others = ids.filter(|id| Some(*id) != first).collect::<HashSet<_>>();
        tracing::info!(
            subscription = %self.subscription.name,
            stream = %self.subscription.stream,
            %lane,
            run,
            left,
            took_ms = millis(took),
            correlation_id = first,
            other_correlations = others.len(),
            "batch"
        );
    }

    fn payload(self, delivery: &Delivery) -> Option<&str> {
        match self.payloads {
            Payloads::Withheld => None,
            Payloads::Logged => Some(&delivery.message.data),
        }
    }

    /// What a failure says.
    fn text(self, failure: &Failure) -> String {
        match self.payloads {
            Payloads::Withheld => failure.without_payload(),
            Payloads::Logged => failure.to_string(),
        }
    }
}

/// Milliseconds, as a log has them.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
