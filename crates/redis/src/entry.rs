//! Entries of streams.

use protean_core::message::envelope;
use protean_postgres::outbox::Logged;
use redis::Value;

/// The field that holds the envelope, in which other frameworks look for it.
pub(crate) const DATA: &str = "data";

/// The field that says where a message stands in the outbox: its queue, its number there, that of
/// the last before it with the same key, or 0, and its position in the log.
pub(crate) const PLACE: &str = "place";

/// An entry of a stream as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) place: Option<Place>,
    /// Whether it was removed from the stream since it was handed out.
    pub(crate) removed: bool,
}

/// Where a message stands in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) queue: u64,
    pub(crate) sequence: u64,
    pub(crate) previous: Option<u64>,
    pub(crate) position: u64,
}

impl Place {
    pub(crate) fn of(logged: &Logged) -> Self {
        Self {
            queue: logged.queue,
            sequence: logged.sequence,
            previous: logged.previous,
            position: logged.position,
        }
    }

    pub(crate) fn encode(self) -> String {
        let previous = self.previous.unwrap_or_default();
        format!(
            "{} {} {previous} {}",
            self.queue, self.sequence, self.position
        )
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut numbers = std::str::from_utf8(bytes).ok()?.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            queue: next()?,
            sequence: next()?,
            previous: Some(next()?).filter(|previous| *previous > 0),
            position: next()?,
        })
    }
}

impl Entry {
    /// The message that one of our own relays published; `None` for any other entry.
    pub(crate) fn own(&self) -> Option<Logged> {
        let Place {
            queue,
            sequence,
            previous,
            position,
        } = self.place?;
        let text = std::str::from_utf8(self.data.as_deref()?).ok()?;
        let message = envelope::decode(text).ok()?;
        Some(Logged {
            position,
            queue,
            sequence,
            previous,
            message,
        })
    }
}

/// The entries in the answer to a read of one stream.
pub(crate) fn of_streams(answer: Value) -> Vec<Entry> {
    let streams = match answer {
        Value::Array(streams) => streams,
        Value::Map(streams) => {
            let entries = streams.into_iter().map(|(_, entries)| entries);
            return entries.flat_map(of_list).collect();
        }
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    for stream in streams {
        if let Value::Array(mut parts) = stream
            && let Some(entries) = parts.pop()
        {
            found.extend(of_list(entries));
        }
    }
    found
}

/// The entries in a list of them; those that were deleted meanwhile have no data.
pub(crate) fn of_list(list: Value) -> Vec<Entry> {
    let Value::Array(entries) = list else {
        return Vec::new();
    };
    entries.into_iter().filter_map(entry).collect()
}

fn entry(value: Value) -> Option<Entry> {
    let Value::Array(parts) = value else {
        return None;
    };
    let mut parts = parts.into_iter();
    let id = String::from_utf8(bytes(parts.next()?)?).ok()?;
    let mut entry = Entry {
        id,
        ..Entry::default()
    };
    let mut fields = match parts.next() {
        Some(Value::Array(fields)) => fields.into_iter(),
        _ => {
            entry.removed = true;
            return Some(entry);
        }
    };
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        match bytes(name)?.as_slice() {
            name if name == DATA.as_bytes() => entry.data = bytes(value),
            name if name == PLACE.as_bytes() => {
                entry.place = bytes(value).and_then(|place| Place::decode(&place));
            }
            _ => {}
        }
    }
    Some(entry)
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_the_wire() {
        for previous in [None, Some(7)] {
            let place = Place {
                queue: 3,
                sequence: 12,
                previous,
                position: 99,
            };
            assert_eq!(Place::decode(place.encode().as_bytes()), Some(place));
        }
        for text in ["", "1 2 3", "1 2 x 4", "a b c d"] {
            assert_eq!(Place::decode(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn entries_are_read_from_both_forms_of_an_answer() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let list = || {
            let fields = vec![text("x"), text("y"), text("data"), text("{}")];
            let one = vec![text("1-0"), Value::Array(fields)];
            let deleted = vec![text("2-0"), Value::Nil];
            Value::Array(vec![Value::Array(one), Value::Array(deleted)])
        };
        let old = Value::Array(vec![Value::Array(vec![text("s"), list()])]);
        let new = Value::Map(vec![(text("s"), list())]);
        for answer in [old, new] {
            let found = of_streams(answer);
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].data.as_deref(), Some(b"{}".as_slice()));
            assert_eq!(found[1].id, "2-0");
            assert!(found[1].removed && !found[0].removed);
        }
        assert_eq!(of_streams(Value::Nil), []);
    }
}
