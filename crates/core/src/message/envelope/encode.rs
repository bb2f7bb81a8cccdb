//! Writing envelopes.

use serde_json::{Map, Value, json};

use super::canonical::checksum;
use super::merge;
use crate::message::{Kind, Message};

/// The version of the envelope.
const SPEC_VERSION: &str = "1.0";

/// A message as JSON.
#[must_use]
pub fn encode(message: &Message) -> String {
    let mut whole = without_rest(message);
    if let Some(rest) = &message.rest {
        merge(&mut whole, &rest.0);
        // Its own priority, always: whatever it was, this is what it was sent with.
        whole["metadata"]["domain"]["priority"] = json!(message.priority.value());
    }
    let metadata = Value::Object(whole).to_string();
    // The payload is put in as the text it is, so that no number changes.
    format!("{{\"data\":{},{}", message.data, &metadata[1..])
}

/// All but the payload, without what other versions know more.
pub(super) fn without_rest(message: &Message) -> Map<String, Value> {
    let fqn = message.type_name.rsplit_once('.');
    let version = fqn.and_then(|(_, version)| version.strip_prefix('v')?.parse().ok());
    let metadata = json!({
        "headers": {
            "id": message.id.to_string(),
            "time": message.time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string(),
            "type": message.type_name,
            "stream": message.entity_stream(),
            "traceparent": message.traceparent.as_deref().map(traceparent),
            "idempotency_key": message.idempotency_key,
            "deadline": null,
        },
        "envelope": {
            "specversion": SPEC_VERSION,
            // Without a checksum, where the payload is none.
            "checksum": checksum(&message.data).ok(),
        },
        "domain": {
            "fqn": fqn.map_or(&*message.type_name, |(name, _)| name),
            "kind": message.kind.name(),
            "origin_stream": null,
            "stream_category": message.stream,
            "version": version.unwrap_or(1_u32),
            "sequence_id": message.sequence_id,
            "asynchronous": true,
            "expected_version": null,
            "priority": message.priority.value(),
            "correlation_id": message.correlation_id,
            "causation_id": message.causation_id.map(|id| id.to_string()),
        },
        "event_store": null,
        "extensions": {},
    });
    let mut whole = Map::new();
    whole.insert("metadata".to_owned(), metadata);
    whole
}

/// A W3C trace context in its parts; as it is when it has others.
fn traceparent(text: &str) -> Value {
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        ["00", trace_id, parent_id, flags @ ("00" | "01")] => json!({
            "trace_id": trace_id,
            "parent_id": parent_id,
            "sampled": *flags == "01",
        }),
        _ => json!(text),
    }
}

impl Kind {
    /// The kind with this word in the envelope.
    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Command, Self::Event]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}
