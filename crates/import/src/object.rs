//! JSON objects of one row, with their values as they were written.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::COLUMNS_MAX;

/// What a file of rejects adds to an object; it is none of the command's.
pub(crate) const REJECT: &str = "_reject";

/// Holds the text of a line that was no object, in a file of rejects.
pub(crate) const RAW: &str = "_raw";

/// The members of an object, in order.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// The members of the object that this line is, without what a file of rejects added.
///
/// # Errors
/// What the line is instead, in a sentence.
pub(crate) fn members(line: &str) -> Result<Members<'_>, String> {
    let mut json = serde_json::Deserializer::from_str(line);
    let read = json.deserialize_map(Object).and_then(|members| {
        json.end()?;
        Ok(members)
    });
    read.map_err(|error| {
        let (text, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        match text.strip_suffix(&place) {
            Some(text) if column > 0 => format!("expected a JSON object: {text} at byte {column}"),
            Some(text) => format!("expected a JSON object: {text}"),
            None => text,
        }
    })
}

/// The line itself, or what a file of rejects keeps of a line that was no object.
pub(crate) fn own(line: &str) -> Cow<'_, str> {
    if !line.contains(RAW) {
        return Cow::Borrowed(line);
    }
    #[derive(Deserialize)]
    struct Kept {
        #[serde(rename = "_reject")]
        _reject: serde::de::IgnoredAny,
        #[serde(rename = "_raw")]
        raw: String,
    }
    match serde_json::from_str::<Kept>(line) {
        Ok(kept) => Cow::Owned(kept.raw),
        Err(_) => Cow::Borrowed(line),
    }
}

/// Whether a file of rejects keeps this line of one that was no text, in which something stands for
/// what cannot be kept.
#[allow(clippy::ptr_arg, reason = "that it is owned says where it is from")]
pub(crate) fn is_lossy(own: &Cow<'_, str>) -> bool {
    matches!(own, Cow::Owned(kept) if kept.contains(char::REPLACEMENT_CHARACTER))
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::new();
        while let Some(Key(key)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            if key == REJECT {
                continue;
            }
            if members.len() == COLUMNS_MAX {
                return Err(A::Error::custom(format_args!(
                    "more than {COLUMNS_MAX} keys"
                )));
            }
            members.push((key, value));
        }
        Ok(members)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
