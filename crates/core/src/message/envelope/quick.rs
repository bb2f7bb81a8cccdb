//! Reading the envelopes that this version writes itself, which are nearly all there are.
//!
//! No tree of values is built. An envelope is taken only when it says exactly what would be written
//! of the message in it; any other, and any faulty one, is left to the general reader.

use super::canonical::payload;
use super::fields::Fields;
use super::shape::{Envelope, Metadata};
use super::traceparent::joined;
use crate::Priority;
use crate::message::Message;

/// The message in an envelope, if it is one of those.
pub(super) fn message(text: &str) -> Option<Message> {
    let Envelope { data, metadata } = serde_json::from_str(text).ok()?;
    if !data.get().starts_with('{') {
        return None;
    }
    let (data, checksum) = payload(data).ok()?;
    if metadata.envelope.checksum.as_deref() != Some(checksum.as_str()) {
        return None;
    }
    let message = fields(&metadata).message(data).ok()?;
    let nothing_else = Metadata::of(&message, Some(&checksum)) == metadata;
    nothing_else.then_some(message)
}

fn fields<'a>(metadata: &'a Metadata<'_>) -> Fields<'a> {
    let Metadata {
        domain, headers, ..
    } = metadata;
    Fields {
        id: &headers.id,
        type_name: &headers.type_name,
        entity_stream: Some(&headers.stream),
        category: Some(&domain.stream_category),
        kind: Some(&domain.kind),
        priority: Priority::new(domain.priority),
        time: Some(&headers.time),
        correlation_id: Some(&domain.correlation_id),
        causation_id: domain.causation_id.as_deref(),
        traceparent: joined(
            headers.traceparent.as_ref(),
            metadata.extensions.traceparent.as_deref(),
        ),
        idempotency_key: headers.idempotency_key.as_deref(),
        sequence_id: domain.sequence_id.as_deref(),
    }
}
