//! Texts that repeat from message to message.

use std::collections::HashMap;
use std::sync::Arc;

/// Texts that repeat from row to row, kept once.
#[derive(Debug, Default)]
pub struct Interner {
    known: HashMap<String, Arc<str>>,
}

impl Interner {
    /// The most texts kept: there are a handful of streams and types.
    const KNOWN_MAX: usize = 1_024;

    /// The one copy of this text.
    pub fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let shared: Arc<str> = text.into();
        if self.known.len() < Self::KNOWN_MAX {
            self.known.insert(text.to_owned(), shared.clone());
        }
        shared
    }
}
