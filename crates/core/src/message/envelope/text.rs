//! A text that is borrowed wherever it can be.

use std::borrow::Cow;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// A text of an envelope, a part of the envelope itself unless it was written with escapes. An
/// optional `Cow` would always be copied; this is not.
#[derive(Serialize, Deserialize, PartialEq)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}
