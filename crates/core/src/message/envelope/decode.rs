//! Reading envelopes.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::canonical::{canonical, checksum};
use super::encode::without_rest;
use super::{ENVELOPE_BYTES_MAX, Error, Rest, difference};
use crate::Priority;
use crate::message::{Kind, Message};

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
    let (data, others) = split(text)?;
    if !data.get().starts_with('{') {
        return Err(Error::Field {
            path: "data",
            expected: "an object",
            found: data.get().chars().take(40).collect(),
        });
    }
    let metadata = Object::of(&others, "metadata")?;
    verify(&metadata, data)?;
    let mut message = message(&metadata, canonical(data)?)?;
    let rest = difference(others, &without_rest(&message));
    if !rest.is_empty() {
        message.rest = Some(Box::new(Rest(rest)));
    }
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

fn verify(metadata: &Object<'_>, data: &RawValue) -> Result<(), Error> {
    let Some(envelope) = metadata.object("envelope")? else {
        return Ok(());
    };
    let Some(expected) = envelope.text("checksum", "metadata.envelope.checksum")? else {
        return Ok(());
    };
    let found = checksum(data.get())?;
    if found == expected {
        return Ok(());
    }
    Err(Error::Checksum {
        expected: expected.to_owned(),
        found,
    })
}

fn message(metadata: &Object<'_>, data: String) -> Result<Message, Error> {
    const ID: &str = "metadata.headers.id";
    const TYPE: &str = "metadata.headers.type";
    const STREAM: &str = "metadata.headers.stream";
    let empty = Map::new();
    let headers = Object::of(metadata.members, "headers")?;
    let domain = metadata
        .object("domain")?
        .unwrap_or(Object { members: &empty });
    let id = headers
        .text("id", ID)?
        .ok_or_else(|| missing(ID, "a text"))?;
    let type_name = headers
        .text("type", TYPE)?
        .ok_or_else(|| missing(TYPE, "a text"))?;
    let entity_stream = headers.text("stream", STREAM)?;
    let category = domain.text("stream_category", "metadata.domain.stream_category")?;
    let stream = category
        .or_else(|| entity_stream.map(category_of))
        .ok_or_else(|| missing(STREAM, "the name of a stream"))?;
    let key = entity_stream
        .and_then(|entity| entity.strip_prefix(stream)?.strip_prefix('-'))
        .map(str::to_owned);
    let correlation_id = domain.text("correlation_id", "metadata.domain.correlation_id")?;
    let causation_id = domain.text("causation_id", "metadata.domain.causation_id")?;
    let idempotency_key = headers.text("idempotency_key", "metadata.headers.idempotency_key")?;
    Ok(Message {
        id: uuid(id),
        kind: kind(&domain, stream)?,
        type_name: type_name.into(),
        key,
        priority: priority(&domain)?,
        time: time(&headers)?,
        correlation_id: correlation_id.unwrap_or(id).into(),
        causation_id: causation_id.map(uuid),
        traceparent: traceparent(&headers)?,
        idempotency_key: idempotency_key.map(str::to_owned),
        sequence_id: domain
            .text("sequence_id", "metadata.domain.sequence_id")?
            .map(str::to_owned),
        stream: stream.into(),
        data,
        rest: None,
    })
}

/// The stream without the identity that follows it.
fn category_of(stream: &str) -> &str {
    stream
        .split_once('-')
        .map_or(stream, |(category, _)| category)
}

/// The UUID that an id is, or one that always stands for it.
fn uuid(id: &str) -> Uuid {
    Uuid::try_parse(id)
        .ok()
        // Only the usual form is written back as it was.
        .filter(|uuid| uuid.to_string() == id)
        .unwrap_or_else(|| {
            let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&digest[..16]);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        })
}

fn kind(domain: &Object<'_>, stream: &str) -> Result<Kind, Error> {
    const PATH: &str = "metadata.domain.kind";
    match domain.text("kind", PATH)? {
        Some(name) => Kind::of(name).ok_or_else(|| Error::Field {
            path: PATH,
            expected: "COMMAND or EVENT",
            found: name.to_owned(),
        }),
        None if stream.ends_with(":command") => Ok(Kind::Command),
        None => Ok(Kind::Event),
    }
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

/// When it was made: ISO 8601, in UTC where it does not say.
fn time(headers: &Object<'_>) -> Result<Timestamp, Error> {
    const PATH: &str = "metadata.headers.time";
    let Some(text) = headers.text("time", PATH)? else {
        return Ok(Timestamp::UNIX_EPOCH);
    };
    let zoned = text.parse::<Timestamp>();
    zoned
        .or_else(|_| {
            let local: DateTime = text.parse()?;
            TimeZone::UTC.to_timestamp(local)
        })
        .map_err(|_: jiff::Error| Error::Field {
            path: PATH,
            expected: "a time such as 2026-01-31T12:00:00+00:00",
            found: text.to_owned(),
        })
}

fn traceparent(headers: &Object<'_>) -> Result<Option<std::sync::Arc<str>>, Error> {
    const PATH: &str = "metadata.headers.traceparent";
    if let Some(Value::String(text)) = headers.members.get("traceparent") {
        return Ok(Some(text.as_str().into()));
    }
    let Some(parts) = headers.object("traceparent")? else {
        return Ok(None);
    };
    let part = |name| {
        parts
            .text(name, PATH)?
            .ok_or_else(|| missing(PATH, "its parts"))
    };
    let sampled = parts.members.get("sampled") == Some(&Value::Bool(true));
    let flags = if sampled { "01" } else { "00" };
    let text = format!("00-{}-{}-{flags}", part("trace_id")?, part("parent_id")?);
    Ok(Some(text.into()))
}

fn missing(path: &'static str, expected: &'static str) -> Error {
    Error::Field {
        path,
        expected,
        found: "nothing".to_owned(),
    }
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
