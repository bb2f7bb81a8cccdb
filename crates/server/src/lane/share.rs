//! The part of the work that backfill is owed while primary is saturated (L6).

use super::number::{float, whole};

/// The most messages backfill can be owed: a pause in the import must not become a flood later.
const CREDIT_MAX: f64 = 64.0;

/// Counts what backfill is owed.
#[derive(Debug)]
pub(super) struct Share {
    per_primary: f64,
    credit: f64,
    /// Backfill messages that were started and have not ended.
    under_way: usize,
}

impl Share {
    /// Nothing is owed yet; `min_share` is backfill's part of all handled messages.
    pub(super) fn new(min_share: f64) -> Self {
        let min_share = min_share.clamp(0.0, 0.5);
        Self {
            per_primary: min_share / (1.0 - min_share),
            credit: 0.0,
            under_way: 0,
        }
    }

    /// This many primary messages were handled.
    pub(super) fn earn(&mut self, count: usize) {
        self.credit = (self.credit + self.per_primary * float(count)).min(CREDIT_MAX);
    }

    /// This many backfill messages were started.
    pub(super) const fn started(&mut self, count: usize) {
        self.under_way += count;
    }

    /// This many of those that were started are not under way any more, and so many of them were
    /// handled. What is handled while primary has nothing is nobody's debt.
    pub(super) fn finished(&mut self, count: usize, handled: usize) {
        self.under_way = self.under_way.saturating_sub(count);
        self.credit = (self.credit - float(handled)).max(0.0);
    }

    /// How many messages backfill is owed.
    pub(super) fn due(&self) -> usize {
        whole(self.credit).saturating_sub(self.under_way)
    }
}
