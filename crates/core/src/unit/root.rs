//! An aggregate in a handler's hands.

use std::ops::{Deref, DerefMut};

use crate::domain::Aggregate;
use crate::schema::Invalid;

/// An aggregate together with the version it was read at and the events it raised.
///
/// It reads and changes like the aggregate itself; a change is noticed and saved by
/// [`Unit::add`](super::Unit::add).
#[derive(Debug, Clone)]
pub struct Root<T: Aggregate> {
    state: T,
    version: Option<i64>,
    events: Vec<T::Event>,
    changed: bool,
}

impl<T: Aggregate> Root<T> {
    /// A new aggregate.
    ///
    /// # Errors
    /// All violations of the rules of its fields and of its invariants together.
    pub fn new(state: T) -> Result<Self, Invalid> {
        let root = Self {
            state,
            version: None,
            events: Vec::new(),
            changed: true,
        };
        root.check_all()?;
        Ok(root)
    }

    /// An aggregate as the store holds it, at this version.
    #[must_use]
    pub const fn stored(state: T, version: i64) -> Self {
        Self {
            state,
            version: Some(version),
            events: Vec::new(),
            changed: false,
        }
    }

    /// Raises an event, which is published when the aggregate is committed.
    pub fn raise(&mut self, event: impl Into<T::Event>) {
        self.events.push(event.into());
    }

    /// The events raised and not committed yet.
    #[must_use]
    pub fn events(&self) -> &[T::Event] {
        &self.events
    }

    /// The version that was read; `None` for a new aggregate.
    #[must_use]
    pub const fn version(&self) -> Option<i64> {
        self.version
    }

    /// Checks the rules of the fields, and the invariants if those hold.
    ///
    /// # Errors
    /// All violations together.
    pub fn check_all(&self) -> Result<(), Invalid> {
        self.state.check()?;
        self.state.check_invariants()
    }

    pub(super) fn into_parts(self) -> (T, Option<i64>, Vec<T::Event>, bool) {
        (self.state, self.version, self.events, self.changed)
    }
}

impl<T: Aggregate> Deref for Root<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state
    }
}

impl<T: Aggregate> DerefMut for Root<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changed = true;
        &mut self.state
    }
}
