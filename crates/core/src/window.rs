//! How much of a stream a broker apart from the store may hold.

/// The part of a stream that is not read yet is too little below one in so many of what it holds.
const HUNGRY_PARTS: u64 = 4;

/// And it is more than is needed above one in so many.
const SATED_PARTS: u64 = 2;

/// How fast a stream grows deeper, a quarter each time its readers have too little, and shallower,
/// slowly, so that readers that come in bursts find what the last burst needed.
const GROW_PARTS: u64 = 4;
const SHRINK_PARTS: u64 = 64;

/// How many messages a relay keeps in a stream: as many as its readers need to have something to
/// read at any time, whether they are one or many, and never more than a window.
///
/// A stream that is no deeper costs the broker little memory, whatever waits in the store, and what
/// is urgent later has little before it (L7).
///
/// ```
/// use protean_core::window::Depth;
///
/// let mut depth = Depth::new(512, 10_000, 64);
/// assert_eq!(depth.room(0, 256), 256);
/// assert_eq!(depth.room(400, 256), 112);
/// assert_eq!(depth.room(500, 256), 0, "too few to bother");
/// depth.see(500, 10);
/// assert_eq!(depth.messages(), 640, "the readers had too little");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    least: u64,
    most: u64,
    portion: u64,
    now: u64,
}

impl Depth {
    /// At least `least` messages, at most `most`, which goes before it; fewer than `portion` at once
    /// are not worth publishing.
    #[must_use]
    pub fn new(least: u64, most: u64, portion: u64) -> Self {
        let least = least.min(most);
        Self {
            least,
            most,
            portion,
            now: least,
        }
    }

    /// So many messages are kept now.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.now
    }

    /// Nothing is published to a stream that holds so many or more.
    #[must_use]
    pub fn full_at(&self) -> u64 {
        // A stream that never had room for a portion would never have anything.
        let portion = self.portion.min(self.now / 2).max(1);
        (self.now + 1).saturating_sub(portion)
    }

    /// Whether nothing is published to a stream that holds so many.
    #[must_use]
    pub fn is_full(&self, length: u64) -> bool {
        length >= self.full_at()
    }

    /// How many messages may be published at once to a stream that holds so many: a batch, as far
    /// as there is room for it.
    #[must_use]
    pub fn room(&self, length: u64, batch_max: usize) -> usize {
        if self.is_full(length) {
            return 0;
        }
        usize::try_from(self.now - length).map_or(batch_max, |free| free.min(batch_max))
    }

    /// The stream holds so many messages, of which the reader that has the fewest before it has not
    /// read so many.
    pub fn see(&mut self, length: u64, unread: u64) {
        if self.is_full(length) && unread <= self.now / HUNGRY_PARTS {
            let deeper = self.now + (self.now / GROW_PARTS).max(1);
            self.now = deeper.min(self.most);
        } else if unread > self.now / SATED_PARTS {
            self.now = (self.now - self.now / SHRINK_PARTS).max(self.least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream whose readers hold up to so many that they have not handled.
    fn depth_with(held: u64, depth: &mut Depth) -> u64 {
        for _ in 0..1_000 {
            let length = depth.messages();
            depth.see(length, length.saturating_sub(held));
        }
        depth.messages()
    }

    #[test]
    fn a_stream_is_as_deep_as_its_readers_need() {
        let mut depth = Depth::new(2_000, 10_000, 64);
        assert_eq!(depth_with(1_000, &mut depth), 2_000);
        let many = depth_with(3_000, &mut depth);
        assert!((4_000..6_000).contains(&many), "{many}");
        assert_eq!(depth_with(20_000, &mut depth), 10_000);
        assert_eq!(depth_with(1_000, &mut depth), 2_000, "some have left");
        assert_eq!(depth_with(0, &mut depth), 2_000, "nobody reads");
    }

    #[test]
    fn l5_a_stream_that_is_not_full_is_no_reason_to_grow() {
        let mut depth = Depth::new(2_000, 10_000, 64);
        depth.see(100, 0);
        assert_eq!(depth.messages(), 2_000);
    }

    #[test]
    fn l6_the_smallest_window_has_room() {
        for most in 1..4 {
            let mut depth = Depth::new(2_000, most, 64);
            assert_eq!(depth.messages(), most);
            assert_eq!(depth.room(0, 128), usize::try_from(most).unwrap());
            depth.see(most, 0);
            assert_eq!(depth.messages(), most);
        }
    }
}
