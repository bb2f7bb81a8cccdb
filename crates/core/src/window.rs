//! How much of a stream a broker apart from the store may hold.

/// How many messages a relay may publish at once: a batch, as far as it fits into a stream that
/// holds `length` messages of at most `window`.
///
/// ```
/// use protean_core::window::room;
///
/// assert_eq!(room(512, 0, 256), 256);
/// assert_eq!(room(512, 500, 256), 12);
/// assert_eq!(room(512, 600, 256), 0);
/// ```
#[must_use]
pub fn room(window: u64, length: u64, batch_max: usize) -> usize {
    let free = usize::try_from(window.saturating_sub(length)).unwrap_or(usize::MAX);
    batch_max.min(free)
}
