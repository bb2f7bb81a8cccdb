//! Entries that somebody else published: another framework, or a hand.

use protean_core::message::{Kind, Message, UNDECODABLE, envelope};
use protean_core::{Lane, Priority};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::entry::Entry;
use crate::options::Options;

/// The most of an unreadable entry that is kept, in bytes: enough to see what it was.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// The longest text, in bytes, of those that messages are found by: an index holds no longer ones.
const TEXT_BYTES_MAX: usize = 2_048;

/// The message in an entry. One that cannot be read becomes a message that no handler takes, so
/// that it is given up like any other that fails for good (L10).
pub(crate) fn message(entry: &Entry, stream: &str, lane: Lane, options: &Options) -> Message {
    let text = entry.data.as_deref().map(String::from_utf8_lossy);
    let decoded = match &text {
        Some(text) => envelope::decode(text).map_err(|error| error.to_string()),
        None => Err("expected a field `data`, found none".to_owned()),
    };
    match decoded {
        Ok(message) if unstorable(&message).is_some() => {
            let why = unstorable(&message).unwrap_or_default();
            undecodable(entry, stream, lane, &why)
        }
        Ok(mut message) => {
            // Whatever its envelope says, what came on this stream is on this stream.
            message.stream = stream.into();
            message.priority = priority(message.priority, lane, options);
            message
        }
        Err(why) => undecodable(entry, stream, lane, &why),
    }
}

/// Why a message cannot be stored, if it cannot.
fn unstorable(message: &Message) -> Option<String> {
    let texts = [
        ("type", Some(&*message.type_name)),
        ("stream", message.key.as_deref()),
        ("correlation_id", Some(&*message.correlation_id)),
        ("sequence_id", message.sequence_id.as_deref()),
        ("idempotency_key", message.idempotency_key.as_deref()),
        ("traceparent", message.traceparent.as_deref()),
    ];
    texts.into_iter().find_map(|(name, text)| {
        let text = text?;
        if text.contains('\0') {
            return Some(format!("expected text in {name}, found a NUL in it"));
        }
        (text.len() > TEXT_BYTES_MAX).then(|| {
            let bytes = text.len();
            format!("expected at most {TEXT_BYTES_MAX} bytes in {name}, found {bytes}")
        })
    })
}

/// Protean for Python says 0 in the envelope of an event, whatever lane it is on: the lane is right.
fn priority(said: Priority, lane: Lane, options: &Options) -> Priority {
    match lane {
        Lane::Backfill if said >= options.threshold => Priority::Bulk,
        _ => said,
    }
}

fn undecodable(entry: &Entry, stream: &str, lane: Lane, why: &str) -> Message {
    let id = id(&format!("{stream} {lane} {}", entry.id));
    let raw = entry.data.as_deref().unwrap_or_default();
    let kept = String::from_utf8_lossy(&raw[..raw.len().min(KEPT_BYTES_MAX)]);
    Message {
        id,
        kind: Kind::Event,
        type_name: UNDECODABLE.into(),
        stream: stream.into(),
        key: None,
        priority: match lane {
            Lane::Primary => Priority::Normal,
            Lane::Backfill => Priority::Bulk,
        },
        time: jiff::Timestamp::now(),
        correlation_id: id.simple().to_string().into(),
        causation_id: None,
        traceparent: None,
        idempotency_key: None,
        sequence_id: None,
        data: json!({"entry": entry.id, "raw": kept, "why": why}).to_string(),
        rest: None,
    }
}

/// An id that always stands for this text.
fn id(text: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_becomes_a_message_that_says_why() {
        let entry = Entry {
            id: "5-1".to_owned(),
            data: Some(b"{\"data\": \xff".to_vec()),
            ..Entry::default()
        };
        let options = Options::default();
        let one = message(&entry, "shop::book", Lane::Backfill, &options);
        let again = message(&entry, "shop::book", Lane::Backfill, &options);
        assert_eq!(one.id, again.id, "it is the same message each time");
        assert_eq!(&*one.type_name, UNDECODABLE);
        assert!(one.data.contains("5-1") && one.data.contains("why"));
        let empty = message(&Entry::default(), "shop::book", Lane::Primary, &options);
        assert!(empty.data.contains("found none"), "{}", empty.data);
    }

    #[test]
    fn the_lane_of_an_event_is_right_where_its_envelope_is_wrong() {
        let options = Options::default();
        for (said, lane, expected) in [
            (0, Lane::Backfill, -100),
            (-50, Lane::Backfill, -50),
            (0, Lane::Primary, 0),
            (-50, Lane::Primary, -50),
        ] {
            let found = priority(Priority::new(said), lane, &options);
            assert_eq!(found.value(), expected);
        }
    }
}
