//! The promises, one file each, as questions that are asked at every step.

pub(crate) mod l10_poison;
pub(crate) mod l1_primary_first;
pub(crate) mod l2_preemption;
pub(crate) mod l3_across;
pub(crate) mod l4_governor;
pub(crate) mod l5_work_conserving;
pub(crate) mod l6_liveness;
pub(crate) mod l7_bands;
pub(crate) mod l8_order;
pub(crate) mod l9_exactly_once;
pub(crate) mod window;

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are those of the lanes contract")]
pub enum Invariant {
    L1,
    L2,
    L3,
    L4,
    L5,
    L6,
    L7,
    L8,
    L9,
    L10,
    /// A stream is never longer than its window.
    Window,
    /// The code under test panicked.
    Panic,
}

impl Invariant {
    /// All that a planted bug can break.
    pub const ALL: &[Self] = &[
        Self::L1,
        Self::L2,
        Self::L3,
        Self::L4,
        Self::L5,
        Self::L6,
        Self::L7,
        Self::L8,
        Self::L9,
        Self::L10,
        Self::Window,
    ];
}
