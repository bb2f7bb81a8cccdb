//! What goes along with a commit: the work of subscriptions on messages that it publishes.
//!
//! A projector that has handled everything before an event may do its work on it in the commit that
//! publishes it. Who waits for the projection waits for one commit less, and nobody has to hand the
//! event out. Whether that is so only the store can tell, at the moment of the commit; if it is not,
//! the event goes the usual way, and what was to go along is forgotten.

use super::broker::Subscription;
use super::store::Write;
use super::trace::Handling;

/// What one subscription does with one message of a commit.
///
/// It happens with the commit only if, at that moment,
/// - the subscription has settled all that was published before the message in its queue, and has
///   nothing of its stream set aside;
/// - nothing with the message's key was published there by anybody else after [`Along::since`], so
///   that the work has seen what came of the messages before (L8);
/// - none of the writes is refused.
///
/// Then the message is settled for the subscription by this very commit (L9).
#[derive(Clone, Debug)]
pub struct Along {
    /// The subscription.
    pub subscription: Subscription,
    /// Which message it is, by its number in [`Commit::messages`](super::store::Commit::messages).
    pub message: usize,
    /// The changes to rows.
    pub writes: Vec<Write>,
    /// Up to where the subscription was known to be when the work began.
    pub since: Since,
    /// How it was handled.
    pub handling: Handling,
}

/// Up to where a subscription had handled a queue at some moment, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since(pub u64);
