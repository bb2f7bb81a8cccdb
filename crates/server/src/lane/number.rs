//! Between messages, which are whole, and what is counted for them, which is not.

/// A number of messages.
#[allow(
    clippy::cast_precision_loss,
    reason = "a run has far fewer messages than 2^52"
)]
pub(super) const fn float(count: usize) -> f64 {
    count as f64
}

/// The whole messages in a number that is not negative.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far below 2^52"
)]
pub(super) const fn whole(number: f64) -> usize {
    number as usize
}
