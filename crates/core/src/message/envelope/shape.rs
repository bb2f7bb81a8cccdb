//! The envelope as types: what is written of a message, and what the quick reader takes.
//!
//! Both directions share these types, so that the quick reader can tell by comparison whether an
//! envelope says exactly what would be written of its message. Members are in the order of the
//! alphabet, as the general writer has them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::text::Text;
use super::traceparent::{self, Parts};
use crate::message::Message;

/// The version of the envelope.
const SPEC_VERSION: &str = "1.0";

/// A whole envelope with nothing unusual about it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
    pub(super) metadata: Metadata<'a>,
}

/// All but the payload. What is `()` is always null when it is written.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) domain: Domain<'a>,
    pub(super) envelope: Check<'a>,
    #[serde(default)]
    event_store: (),
    #[serde(default)]
    pub(super) extensions: Extensions<'a>,
    pub(super) headers: Headers<'a>,
}

/// What the domain knows of a message.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Domain<'a> {
    asynchronous: bool,
    #[serde(borrow)]
    pub(super) causation_id: Option<Text<'a>>,
    pub(super) correlation_id: Text<'a>,
    #[serde(default)]
    expected_version: (),
    fqn: Text<'a>,
    pub(super) kind: Text<'a>,
    #[serde(default)]
    origin_stream: (),
    pub(super) priority: i32,
    pub(super) sequence_id: Option<Text<'a>>,
    pub(super) stream_category: Text<'a>,
    version: u32,
}

/// How to check a payload.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Check<'a> {
    #[serde(borrow)]
    pub(super) checksum: Option<Text<'a>>,
    specversion: Text<'a>,
}

/// What every version lets be.
#[derive(Default, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Extensions<'a> {
    #[serde(
        borrow,
        rename = "protean.traceparent",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) traceparent: Option<Text<'a>>,
}

/// What a broker has to know of a message.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Headers<'a> {
    #[serde(default)]
    deadline: (),
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) idempotency_key: Option<Text<'a>>,
    pub(super) stream: Text<'a>,
    pub(super) time: Text<'a>,
    pub(super) traceparent: Option<Parts<'a>>,
    #[serde(rename = "type")]
    pub(super) type_name: Text<'a>,
}

impl<'a> Metadata<'a> {
    /// What is written of a message whose payload has this checksum; one that is no JSON has none.
    pub(super) fn of(message: &'a Message, checksum: Option<&'a str>) -> Self {
        let traceparent = message.traceparent.as_deref();
        Self {
            domain: Domain::of(message),
            envelope: Check {
                checksum: checksum.map(Text::from),
                specversion: SPEC_VERSION.into(),
            },
            event_store: (),
            extensions: Extensions {
                traceparent: traceparent
                    .and_then(traceparent::lost_in_parts)
                    .map(Text::from),
            },
            headers: Headers {
                deadline: (),
                id: uuid(&message.id).into(),
                idempotency_key: message.idempotency_key.as_deref().map(Text::from),
                stream: match &message.key {
                    Some(_) => message.entity_stream().into(),
                    None => (&*message.stream).into(),
                },
                time: time(message.time).into(),
                traceparent: traceparent.and_then(Parts::of),
                type_name: (&*message.type_name).into(),
            },
        }
    }
}

impl<'a> Domain<'a> {
    fn of(message: &'a Message) -> Self {
        let type_name = &*message.type_name;
        let parts = type_name.rsplit_once('.');
        let version = parts.and_then(|(_, version)| version.strip_prefix('v')?.parse().ok());
        Self {
            asynchronous: true,
            causation_id: message.causation_id.as_ref().map(|id| uuid(id).into()),
            correlation_id: (&*message.correlation_id).into(),
            expected_version: (),
            fqn: parts.map_or(type_name, |(name, _)| name).into(),
            kind: message.kind.name().into(),
            origin_stream: (),
            priority: message.priority.value(),
            sequence_id: message.sequence_id.as_deref().map(Text::from),
            stream_category: (&*message.stream).into(),
            version: version.unwrap_or(1),
        }
    }
}

/// A UUID in its usual form.
pub(super) fn uuid(id: &Uuid) -> String {
    let mut buffer = Uuid::encode_buffer();
    id.hyphenated().encode_lower(&mut buffer).to_owned()
}

/// A time to the microsecond, in UTC.
pub(super) fn time(time: Timestamp) -> String {
    let local = TimeZone::UTC.to_datetime(time);
    if !(0..=9999).contains(&local.year()) {
        // No digit more or less than the calendar has: these are for the library.
        return time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string();
    }
    let mut text = String::with_capacity(32);
    digits(&mut text, local.year().unsigned_abs().into(), 4);
    for (before, part) in [
        ('-', local.month()),
        ('-', local.day()),
        ('T', local.hour()),
        (':', local.minute()),
        (':', local.second()),
    ] {
        text.push(before);
        digits(&mut text, part.unsigned_abs().into(), 2);
    }
    text.push('.');
    digits(
        &mut text,
        local.subsec_nanosecond().unsigned_abs() / 1000,
        6,
    );
    text.push_str("+00:00");
    text
}

/// The last `count` decimal digits of a number, at most six.
fn digits(text: &mut String, number: u32, count: usize) {
    const POWERS: [u32; 6] = [100_000, 10_000, 1000, 100, 10, 1];
    for power in &POWERS[POWERS.len() - count..] {
        let digit = number / power % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}
