//! The part of the work that backfill is owed while primary is saturated (L6).

use protean_core::Lane;

/// The most messages backfill can be owed: a pause in the import must not become a flood later.
const CREDIT_MAX: f64 = 16.0;

/// Counts what backfill is owed.
#[derive(Debug)]
pub(super) struct Share {
    per_primary: f64,
    credit: f64,
}

impl Share {
    /// Nothing is owed yet; `min_share` is backfill's part of all handled messages.
    pub(super) fn new(min_share: f64) -> Self {
        let min_share = min_share.clamp(0.0, 0.5);
        Self {
            per_primary: min_share / (1.0 - min_share),
            credit: 0.0,
        }
    }

    /// This many messages of the lane were handled.
    pub(super) fn handled(&mut self, lane: Lane, count: usize) {
        if lane == Lane::Primary {
            #[allow(clippy::cast_precision_loss, reason = "a run has few messages")]
            let earned = self.per_primary * count as f64;
            self.credit = (self.credit + earned).min(CREDIT_MAX);
        }
    }

    /// This many backfill messages were started.
    pub(super) fn started(&mut self, count: usize) {
        #[allow(clippy::cast_precision_loss, reason = "a run has few messages")]
        let spent = count as f64;
        self.credit = (self.credit - spent).max(0.0);
    }

    /// Whether backfill is owed a message.
    pub(super) fn is_due(&self) -> bool {
        self.credit >= 1.0
    }
}
