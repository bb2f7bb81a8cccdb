//! Numbers that look random and are the same for the same seed (`SplitMix64`).

use std::cell::Cell;
use std::time::Duration;

/// A source of numbers.
#[derive(Debug)]
pub(crate) struct Random {
    state: Cell<u64>,
}

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            state: Cell::new(seed),
        }
    }

    pub(crate) fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&self, least: usize, most: usize) -> usize {
        let count = (most - least) as u64 + 1;
        least + usize::try_from(self.next() % count).unwrap_or_default()
    }

    /// A number from 0 to 1, without 1.
    pub(crate) fn fraction(&self) -> f64 {
        const BITS: u32 = 53;
        #[allow(
            clippy::cast_precision_loss,
            reason = "53 bits are exactly what an f64 holds"
        )]
        let fraction = (self.next() >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64;
        fraction
    }

    /// True this often.
    pub(crate) fn chance(&self, part: f64) -> bool {
        self.fraction() < part
    }

    /// A stretch of time between two.
    pub(crate) fn stretch(&self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64(self.fraction())
    }

    /// One of some things.
    pub(crate) fn pick<T: Copy>(&self, all: &[T]) -> T {
        all[self.between(0, all.len() - 1)]
    }
}
