//! A message from the texts of its envelope, however they were read.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Error;
use crate::Priority;
use crate::message::{Kind, Message};

/// What an envelope says of a message, but for its payload.
pub(super) struct Fields<'a> {
    pub(super) id: &'a str,
    pub(super) type_name: &'a str,
    pub(super) entity_stream: Option<&'a str>,
    pub(super) category: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) priority: Priority,
    pub(super) time: Option<&'a str>,
    pub(super) correlation_id: Option<&'a str>,
    pub(super) causation_id: Option<&'a str>,
    pub(super) traceparent: Option<Arc<str>>,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) sequence_id: Option<&'a str>,
}

impl Fields<'_> {
    /// The message that has this payload, without what other versions know more.
    pub(super) fn message(self, data: String) -> Result<Message, Error> {
        let stream = self
            .category
            .or_else(|| self.entity_stream.map(category_of))
            .ok_or_else(|| missing("metadata.headers.stream", "the name of a stream"))?;
        let key = self
            .entity_stream
            .and_then(|entity| entity.strip_prefix(stream)?.strip_prefix('-'));
        Ok(Message {
            id: uuid(self.id),
            kind: kind(self.kind, stream)?,
            type_name: self.type_name.into(),
            key: key.map(str::to_owned),
            priority: self.priority,
            time: self.time.map_or(Ok(Timestamp::UNIX_EPOCH), time)?,
            correlation_id: self.correlation_id.unwrap_or(self.id).into(),
            causation_id: self.causation_id.map(uuid),
            traceparent: self.traceparent,
            idempotency_key: self.idempotency_key.map(str::to_owned),
            sequence_id: self.sequence_id.map(str::to_owned),
            stream: stream.into(),
            data,
            rest: None,
        })
    }
}

/// That nothing is where `path` should be.
pub(super) fn missing(path: &'static str, expected: &'static str) -> Error {
    Error::Field {
        path,
        expected,
        found: "nothing".to_owned(),
    }
}

/// The stream without the identity that follows it.
fn category_of(stream: &str) -> &str {
    stream
        .split_once('-')
        .map_or(stream, |(category, _)| category)
}

/// The UUID that an id is, or one that always stands for it.
fn uuid(id: &str) -> Uuid {
    let mut buffer = Uuid::encode_buffer();
    Uuid::try_parse(id)
        .ok()
        // Only the usual form is written back as it was.
        .filter(|uuid| uuid.hyphenated().encode_lower(&mut buffer) == id)
        .unwrap_or_else(|| {
            let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&digest[..16]);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        })
}

fn kind(name: Option<&str>, stream: &str) -> Result<Kind, Error> {
    match name {
        Some(name) => [Kind::Command, Kind::Event]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| Error::Field {
                path: "metadata.domain.kind",
                expected: "COMMAND or EVENT",
                found: name.to_owned(),
            }),
        None if stream.ends_with(":command") => Ok(Kind::Command),
        None => Ok(Kind::Event),
    }
}

/// When it was made: ISO 8601, in UTC where it does not say.
fn time(text: &str) -> Result<Timestamp, Error> {
    let zoned = text.parse::<Timestamp>();
    zoned
        .or_else(|_| {
            let local: DateTime = text.parse()?;
            TimeZone::UTC.to_timestamp(local)
        })
        .map_err(|_: jiff::Error| Error::Field {
            path: "metadata.headers.time",
            expected: "a time such as 2026-01-31T12:00:00+00:00",
            found: text.to_owned(),
        })
}
