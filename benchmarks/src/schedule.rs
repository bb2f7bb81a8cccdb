//! When requests are due, and which.

use std::time::{Duration, Instant};

/// Requests at a fixed rate: one in each slot, at any instant of it, so that nothing that recurs in
/// the shop meets all of them or none. It is the same in every phase.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// How many in a second.
    pub per_second: u32,
    /// Requests that find processes that have done nothing yet.
    pub warm_up: Duration,
    /// Requests that count.
    pub measured: Duration,
}

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Its number, from 0.
    pub nth: u64,
    /// Since the start of the schedule.
    pub at: Duration,
    /// Whether it is measured.
    pub counts: bool,
}

impl Schedule {
    /// From the first slot to the end of the last.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.warm_up + self.measured
    }

    /// The requests, in the order in which they are due.
    pub fn requests(self) -> impl Iterator<Item = Due> {
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
                counts: at >= self.warm_up,
            }
        })
    }

    /// Hands out each request when it is due, and that instant, until nobody takes them any more.
    /// It blocks the thread: the timers of the runtime know nothing finer than a millisecond.
    pub fn pace(self, start: Instant, mut take: impl FnMut(Due, Instant) -> bool) {
        for one in self.requests() {
            let due = start + one.at;
            // sleep: requests come when they are due
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if !take(one, due) {
                return;
            }
        }
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
