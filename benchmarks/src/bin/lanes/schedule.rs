//! When requests are due, and which.

use std::time::Duration;

/// One request in so many changes a price; the others place orders.
pub(crate) const PRICE_CHANGE_EVERY: u64 = 5;

/// Requests at a fixed rate: one in each slot, at any instant of it, so that nothing that recurs in
/// the shop meets all of them or none. It is the same in every phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) per_second: u32,
    /// Requests that find processes that have done nothing yet.
    pub(crate) warm_up: Duration,
    /// Requests that count.
    pub(crate) measured: Duration,
}

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) nth: u64,
    /// Since the start of the schedule.
    pub(crate) at: Duration,
    pub(crate) what: What,
    pub(crate) counts: bool,
}

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Order,
    PriceChange,
}

impl Schedule {
    pub(crate) fn duration(&self) -> Duration {
        self.warm_up + self.measured
    }

    pub(crate) fn requests(self) -> impl Iterator<Item = Due> {
        let slot = Duration::from_secs(1) / self.per_second.max(1);
        let count = self.duration().as_nanos() / slot.as_nanos();
        let count = match self.per_second {
            0 => 0,
            _ => u64::try_from(count).unwrap_or(u64::MAX),
        };
        (0..count).map(move |nth| {
            let at = slot.mul_f64(position(nth)) + slot.saturating_mul(saturated(nth));
            Due {
                nth,
                at,
                what: match nth % PRICE_CHANGE_EVERY {
                    0 => What::PriceChange,
                    _ => What::Order,
                },
                counts: at >= self.warm_up,
            }
        })
    }
}

fn saturated(nth: u64) -> u32 {
    u32::try_from(nth).unwrap_or(u32::MAX)
}

/// From 0 to 1, without a pattern (the finalizer of `SplitMix64`).
fn position(nth: u64) -> f64 {
    let mut bits = nth.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(per_second: u32) -> Vec<Due> {
        let schedule = Schedule {
            per_second,
            warm_up: Duration::from_secs(2),
            measured: Duration::from_secs(10),
        };
        schedule.requests().collect()
    }

    #[test]
    fn as_many_are_due_as_the_rate_says() {
        let all = schedule(100);
        assert_eq!(all.len(), 1_200);
        assert_eq!(all.iter().filter(|due| due.counts).count(), 1_000);
        let changes = all.iter().filter(|due| due.what == What::PriceChange);
        assert_eq!(changes.count(), 240);
        assert!(all.is_sorted_by_key(|due| due.at));
        assert!(schedule(0).is_empty());
    }

    #[test]
    fn each_is_due_in_its_own_slot() {
        for due in schedule(100) {
            let slot = Duration::from_millis(10 * due.nth);
            assert!((slot..=slot + Duration::from_millis(10)).contains(&due.at));
        }
    }
}
