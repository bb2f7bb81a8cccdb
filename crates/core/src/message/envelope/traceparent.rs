//! The W3C trace context: one text in a message, an object of its parts in an envelope.
//!
//! Protean for Python takes the object or nothing, and a consumer of it that finds anything else
//! never gets past that envelope. So a text is never written there. A text of which the object
//! does not say everything is carried among the extensions, where every version lets it be.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::text::Text;

/// The extension that carries a trace context of which the object does not say everything.
pub(super) const EXTENSION: &str = "protean.traceparent";

/// The trace context as an envelope has it.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts<'a> {
    #[serde(borrow)]
    pub(super) parent_id: Text<'a>,
    pub(super) sampled: bool,
    pub(super) trace_id: Text<'a>,
}

impl<'a> Parts<'a> {
    /// The parts of a trace context of version 00; nothing for any other text.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("00-")?;
        let (trace_id, rest) = rest.split_once('-')?;
        let (parent_id, flags) = rest.split_once('-')?;
        if !(is_hex(trace_id, 32) && is_hex(parent_id, 16) && is_hex(flags, 2)) {
            return None;
        }
        Some(Self {
            parent_id: parent_id.into(),
            sampled: u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1),
            trace_id: trace_id.into(),
        })
    }

    fn text(&self) -> String {
        let sampled = u8::from(self.sampled);
        format!("00-{}-{}-0{sampled}", &*self.trace_id, &*self.parent_id)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The text itself, when its parts do not say everything.
pub(super) fn lost_in_parts(text: &str) -> Option<&str> {
    let says_all = Parts::of(text).is_some() && (text.ends_with("-00") || text.ends_with("-01"));
    (!says_all).then_some(text)
}

/// The text that an envelope means with these parts and this extension.
///
/// The extension counts only where the parts are its own: whoever changes the trace context on the
/// way need not know of it.
pub(super) fn joined(parts: Option<&Parts<'_>>, extension: Option<&str>) -> Option<Arc<str>> {
    let original = extension
        .and_then(lost_in_parts)
        .filter(|text| Parts::of(text).as_ref() == parts);
    match original {
        Some(text) => Some(text.into()),
        None => parts.map(|parts| parts.text().into()),
    }
}
