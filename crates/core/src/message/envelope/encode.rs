//! Writing envelopes.

use serde_json::{Map, Value};

use super::canonical::checksum;
use super::rest::Rest;
use super::shape::Metadata;
use crate::message::Message;

/// About how many bytes an envelope has beyond its payload.
const FRAME_BYTES: usize = 1024;

/// A message as JSON.
///
/// The payload is put in as the text it is, so that no number changes. What other versions know
/// more is written where each of them takes it: see the module.
#[must_use]
pub fn encode(message: &Message) -> String {
    match &message.rest {
        None => plain(message).unwrap_or_else(|| general(message, None)),
        Some(rest) => general(message, Some(rest)),
    }
}

/// An envelope without a rest, written in one go.
fn plain(message: &Message) -> Option<String> {
    let checksum = checksum(&message.data).ok();
    let metadata = Metadata::of(message, checksum.as_deref());
    let mut text = Vec::with_capacity(message.data.len() + FRAME_BYTES);
    text.extend_from_slice(b"{\"data\":");
    text.extend_from_slice(message.data.as_bytes());
    text.extend_from_slice(b",\"metadata\":");
    serde_json::to_writer(&mut text, &metadata).ok()?;
    text.push(b'}');
    String::from_utf8(text).ok()
}

/// An envelope by way of a tree of values.
pub(super) fn general(message: &Message, rest: Option<&Rest>) -> String {
    let mut whole = without_rest(message, checksum(&message.data).ok().as_deref());
    if let Some(rest) = rest {
        rest.lay_over(&mut whole);
    }
    let metadata = Value::Object(whole).to_string();
    format!("{{\"data\":{},{}", message.data, &metadata[1..])
}

/// All but the payload, whose checksum this is, without what other versions know more.
pub(super) fn without_rest(message: &Message, checksum: Option<&str>) -> Map<String, Value> {
    // Texts and numbers always have a JSON form.
    let metadata = serde_json::to_value(Metadata::of(message, checksum)).unwrap_or_default();
    let mut whole = Map::new();
    whole.insert("metadata".to_owned(), metadata);
    whole
}
