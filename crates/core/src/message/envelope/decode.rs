//! Reading envelopes.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::canonical::payload;
use super::encode::without_rest;
use super::fields::{Fields, missing};
use super::rest::Rest;
use super::traceparent::{self, Parts, joined};
use super::{ENVELOPE_BYTES_MAX, Error, quick};
use crate::Priority;
use crate::message::Message;

/// The message in an envelope.
///
/// # Errors
/// When the text is no envelope, or its payload is not the one that was sent.
pub fn decode(text: &str) -> Result<Message, Error> {
    if text.len() > ENVELOPE_BYTES_MAX {
        let why = format!(
            "it has {} bytes, more than {ENVELOPE_BYTES_MAX}",
            text.len()
        );
        return Err(Error::malformed(why));
    }
    quick::message(text).map_or_else(|| general(text), Ok)
}

/// Reads any envelope, by way of a tree of values.
pub(super) fn general(text: &str) -> Result<Message, Error> {
    let (data, others) = split(text)?;
    if !data.get().starts_with('{') {
        return Err(Error::Field {
            path: "data",
            expected: "an object",
            found: data.get().chars().take(40).collect(),
        });
    }
    let metadata = Object::of(&others, "metadata")?;
    let expected = expected_checksum(&metadata)?;
    let (data, found) = payload(data)?;
    if let Some(expected) = expected.filter(|expected| **expected != found) {
        return Err(Error::Checksum {
            expected: expected.to_owned(),
            found,
        });
    }
    let mut message = fields(&metadata)?.message(data)?;
    let base = without_rest(&message, Some(&found));
    message.rest = Rest::of(others, &base)?;
    Ok(message)
}

/// The payload as text, and all else.
fn split(text: &str) -> Result<(&RawValue, Map<String, Value>), Error> {
    let malformed = |error: serde_json::Error| Error::malformed(error.to_string());
    let members: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(malformed)?;
    let mut data = None;
    let mut others = Map::new();
    for (key, raw) in members {
        if key == "data" {
            data = Some(raw);
        } else {
            others.insert(key, serde_json::from_str(raw.get()).map_err(malformed)?);
        }
    }
    let data = data.ok_or_else(|| missing("data", "an object"))?;
    Ok((data, others))
}

fn expected_checksum<'a>(metadata: &Object<'a>) -> Result<Option<&'a str>, Error> {
    match metadata.object("envelope")? {
        Some(envelope) => envelope.text("checksum", "metadata.envelope.checksum"),
        None => Ok(None),
    }
}

fn fields<'a>(metadata: &Object<'a>) -> Result<Fields<'a>, Error> {
    const ID: &str = "metadata.headers.id";
    const TYPE: &str = "metadata.headers.type";
    let headers = Object::of(metadata.members, "headers")?;
    let domain = metadata.object("domain")?;
    let of_domain = |name, path| match &domain {
        Some(domain) => domain.text(name, path),
        None => Ok(None),
    };
    Ok(Fields {
        id: headers
            .text("id", ID)?
            .ok_or_else(|| missing(ID, "a text"))?,
        type_name: headers
            .text("type", TYPE)?
            .ok_or_else(|| missing(TYPE, "a text"))?,
        entity_stream: headers.text("stream", "metadata.headers.stream")?,
        category: of_domain("stream_category", "metadata.domain.stream_category")?,
        kind: of_domain("kind", "metadata.domain.kind")?,
        priority: domain
            .as_ref()
            .map_or_else(|| Ok(Priority::default()), priority)?,
        time: headers.text("time", "metadata.headers.time")?,
        correlation_id: of_domain("correlation_id", "metadata.domain.correlation_id")?,
        causation_id: of_domain("causation_id", "metadata.domain.causation_id")?,
        traceparent: trace_context(metadata, &headers)?,
        idempotency_key: headers.text("idempotency_key", "metadata.headers.idempotency_key")?,
        sequence_id: of_domain("sequence_id", "metadata.domain.sequence_id")?,
    })
}

fn priority(domain: &Object<'_>) -> Result<Priority, Error> {
    let value = domain.members.get("priority").unwrap_or(&Value::Null);
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    match (number, value) {
        (Some(number), _) => Ok(Priority::new(number)),
        (None, Value::Null) => Ok(Priority::default()),
        (None, other) => Err(Error::Field {
            path: "metadata.domain.priority",
            expected: "a whole number of 32 bits",
            found: other.to_string(),
        }),
    }
}

/// The trace context, also as the text that earlier versions wrote.
fn trace_context(metadata: &Object<'_>, headers: &Object<'_>) -> Result<Option<Arc<str>>, Error> {
    const PATH: &str = "metadata.headers.traceparent";
    if let Some(Value::String(text)) = headers.members.get("traceparent") {
        return Ok(Some(text.as_str().into()));
    }
    let object = headers.object("traceparent")?;
    let parts = object.as_ref().map(|parts| {
        let part = |name| {
            parts
                .text(name, PATH)?
                .ok_or_else(|| missing(PATH, "its parts"))
        };
        Ok(Parts {
            trace_id: part("trace_id")?.into(),
            parent_id: part("parent_id")?.into(),
            sampled: parts.members.get("sampled") == Some(&Value::Bool(true)),
        })
    });
    let extension = metadata
        .members
        .get("extensions")
        .and_then(|extensions| extensions.get(traceparent::EXTENSION)?.as_str());
    Ok(joined(parts.transpose()?.as_ref(), extension))
}

/// A part of an envelope.
struct Object<'a> {
    members: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// The part with this name, which must be there.
    fn of(members: &'a Map<String, Value>, name: &'static str) -> Result<Self, Error> {
        Object { members }
            .object(name)?
            .ok_or_else(|| missing(name, "an object"))
    }

    fn object(&self, name: &'static str) -> Result<Option<Self>, Error> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self { members })),
            Some(other) => Err(Error::Field {
                path: name,
                expected: "an object",
                found: other.to_string(),
            }),
        }
    }

    fn text(&self, name: &str, path: &'static str) -> Result<Option<&'a str>, Error> {
        match self.members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Error::Field {
                path,
                expected: "a text",
                found: other.to_string(),
            }),
        }
    }
}
