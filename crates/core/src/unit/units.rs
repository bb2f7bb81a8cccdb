//! One unit of work for several messages.

use super::Unit;
use crate::message::Cause;

/// What one handler reads and stages while it handles several messages together: one unit of work,
/// all of which commits with the acknowledgements of all of them, or not at all (L9).
///
/// What follows from a message has to say which: [`of`](Self::of) is the unit on its behalf.
pub struct Units<'s> {
    unit: Unit<'s>,
    causes: Vec<Cause>,
}

impl<'s> Units<'s> {
    /// A unit for messages that are these causes, in their order.
    #[must_use]
    pub const fn new(unit: Unit<'s>, causes: Vec<Cause>) -> Self {
        Self { unit, causes }
    }

    /// The unit of one message, which is left empty.
    pub(crate) fn take(unit: &mut Unit<'s>) -> Self {
        let cause = unit.work.cause.clone();
        let empty = Unit::new(unit.session, cause.clone());
        Self::new(std::mem::replace(unit, empty), vec![cause])
    }

    /// The unit on behalf of the message with this number, counted from 0: what is staged through
    /// it inherits that message's priority and correlation, and is caused by it. A number past the
    /// end is that of the last message.
    pub fn of(&mut self, nth: usize) -> &mut Unit<'s> {
        if let Some(cause) = self.causes.get(nth).or_else(|| self.causes.last()) {
            self.unit.replace_cause(cause.clone());
        }
        &mut self.unit
    }

    /// The unit itself, with everything that was staged.
    #[must_use]
    pub fn into_unit(self) -> Unit<'s> {
        self.unit
    }
}
