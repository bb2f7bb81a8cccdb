//! What an envelope says beyond a message, and where it is written.
//!
//! Protean for Python takes no key it does not know in the objects of the metadata: a consumer of
//! it never gets past such an envelope. It does let the extensions and the top of an envelope be.
//! So unknown members of those objects travel in one extension, from which the next reader here
//! puts them back into their places.

use serde_json::{Map, Value};

use super::Error;
use super::traceparent;

/// The extension with the members of the metadata that not every version takes in their places.
const EXTENSION: &str = "protean.rest";

/// How deep a rest may be nested: deeper ones might be written, but not be read again.
const DEPTH_MAX: usize = 64;

/// What an envelope said beyond a [`Message`]: fields that this version does not know, and ids that
/// are no UUIDs. In the form of the envelope itself, each in the place where it was first.
///
/// [`Message`]: crate::message::Message
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Rest(Map<String, Value>);

impl Rest {
    /// What of an envelope is not in `base`, which is all that its message says.
    pub(super) fn of(
        mut envelope: Map<String, Value>,
        base: &Map<String, Value>,
    ) -> Result<Option<Box<Self>>, Error> {
        let mut carried = Map::new();
        if let Some(Value::Object(metadata)) = envelope.get_mut("metadata") {
            remove_known(metadata);
            carried = take_carried(metadata);
        }
        let mut rest = difference(envelope, base);
        if !carried.is_empty() {
            let mut whole = Map::new();
            whole.insert("metadata".to_owned(), Value::Object(carried));
            merge(&mut whole, &rest);
            rest = whole;
        }
        if rest.is_empty() {
            return Ok(None);
        }
        if rest.values().any(|value| is_deeper(value, DEPTH_MAX)) {
            let why = format!("its metadata are nested more than {DEPTH_MAX} deep");
            return Err(Error::malformed(why));
        }
        Ok(Some(Box::new(Self(rest))))
    }

    /// Writes it into an envelope: in its place what every version takes there, all else into an
    /// extension.
    pub(super) fn lay_over(&self, envelope: &mut Map<String, Value>) {
        let mut rest = self.0.clone();
        let carried = match rest.get_mut("metadata") {
            Some(Value::Object(metadata)) => take_strange(metadata),
            _ => {
                rest.remove("metadata");
                Map::new()
            }
        };
        merge(envelope, &rest);
        let extensions = envelope
            .get_mut("metadata")
            .and_then(|metadata| metadata.get_mut("extensions"));
        if let Some(Value::Object(extensions)) = extensions
            && !carried.is_empty()
        {
            extensions.insert(EXTENSION.to_owned(), Value::Object(carried));
        }
    }
}

/// The members of a part of the metadata that every version takes in their places.
///
/// The trace context is none of them: a message says all of it that has a place.
fn known(part: &str) -> Option<&'static [&'static str]> {
    match part {
        "headers" => Some(&[
            "id",
            "time",
            "type",
            "stream",
            "idempotency_key",
            "deadline",
        ]),
        "envelope" => Some(&["specversion", "checksum"]),
        "domain" => Some(&[
            "fqn",
            "kind",
            "origin_stream",
            "stream_category",
            "version",
            "sequence_id",
            "asynchronous",
            "expected_version",
            "priority",
            "correlation_id",
            "causation_id",
        ]),
        "event_store" => Some(&["global_position", "position"]),
        _ => None,
    }
}

/// Takes out of the metadata what not every version takes in its place.
fn take_strange(metadata: &mut Map<String, Value>) -> Map<String, Value> {
    let mut strange = Map::new();
    for (name, value) in std::mem::take(metadata) {
        match (known(&name), value) {
            (Some(known), Value::Object(members)) => {
                let (members, others): (Map<_, _>, Map<_, _>) = members
                    .into_iter()
                    .partition(|(key, _)| known.contains(&key.as_str()));
                if !members.is_empty() || others.is_empty() {
                    metadata.insert(name.clone(), Value::Object(members));
                }
                if !others.is_empty() {
                    strange.insert(name, Value::Object(others));
                }
            }
            (Some(_), Value::Null) if matches!(&*name, "envelope" | "event_store") => {
                metadata.insert(name, Value::Null);
            }
            (None, Value::Object(mut members)) if name == "extensions" => {
                remove_reserved(&mut members);
                metadata.insert(name, Value::Object(members));
            }
            (_, value) => {
                strange.insert(name, value);
            }
        }
    }
    remove_priority(metadata);
    strange
}

/// Takes out of the metadata what was carried in the extension; only what belongs there.
fn take_carried(metadata: &mut Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Object(extensions)) = metadata.get_mut("extensions") else {
        return Map::new();
    };
    match remove_reserved(extensions) {
        Some(Value::Object(mut carried)) => take_strange(&mut carried),
        _ => Map::new(),
    }
}

fn remove_reserved(extensions: &mut Map<String, Value>) -> Option<Value> {
    extensions.remove(traceparent::EXTENSION);
    extensions.remove(EXTENSION)
}

/// Its own priority, always: whatever it was, the message says with which it was sent.
fn remove_priority(metadata: &mut Map<String, Value>) {
    if let Some(Value::Object(domain)) = metadata.get_mut("domain") {
        domain.remove("priority");
    }
}

/// Removes what a message says in its own way, wherever the envelope differs from what would be
/// written.
fn remove_known(metadata: &mut Map<String, Value>) {
    remove_priority(metadata);
    let Some(Value::Object(headers)) = metadata.get_mut("headers") else {
        return;
    };
    if let Some(Value::Object(parts)) = headers.get_mut("traceparent") {
        parts.retain(|key, value| match key.as_str() {
            "trace_id" | "parent_id" => false,
            "sampled" => !value.is_boolean(),
            _ => true,
        });
        if !parts.is_empty() {
            return;
        }
    }
    headers.remove("traceparent");
}

/// Lays `over` over `base`, object by object.
fn merge(base: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Object(base)), Value::Object(over)) => merge(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// What has to be laid over `base` to make `whole` of it.
fn difference(whole: Map<String, Value>, base: &Map<String, Value>) -> Map<String, Value> {
    let mut rest = Map::new();
    for (key, value) in whole {
        match (value, base.get(&key)) {
            (Value::Object(whole), Some(Value::Object(base))) => {
                let inner = difference(whole, base);
                if !inner.is_empty() {
                    rest.insert(key, Value::Object(inner));
                }
            }
            (value, Some(known)) if value == *known => {}
            (value, _) => {
                rest.insert(key, value);
            }
        }
    }
    rest
}

fn is_deeper(value: &Value, depth: usize) -> bool {
    let below = |value| depth == 0 || is_deeper(value, depth - 1);
    match value {
        Value::Array(values) => values.iter().any(below),
        Value::Object(members) => members.values().any(below),
        _ => false,
    }
}
