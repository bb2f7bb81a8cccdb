//! The envelope: a message as JSON, as Protean for Python 0.18 writes and reads it.
//!
//! Whatever an envelope says that [`Message`] has no field for is kept in [`Rest`], and written
//! again: an envelope from elsewhere survives the way through this one.

mod canonical;
mod decode;
mod encode;
mod error;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use canonical::checksum;
pub use decode::decode;
pub use encode::encode;
pub use error::Error;

#[cfg(doc)]
use super::Message;

/// The longest envelope that is read: no message of an application comes near it, and no text from
/// outside may fill the memory.
pub const ENVELOPE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What an envelope said beyond a [`Message`]: fields that this version does not know, and ids that
/// are no UUIDs. In the form of the envelope itself.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Rest(Map<String, Value>);

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
