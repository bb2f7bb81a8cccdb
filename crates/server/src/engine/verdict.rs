//! What a failure means for its message: another try later, or the dead-letter queue (L10).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use protean_core::Failure;
use protean_core::config::RetryPolicy;
use protean_core::port::broker::{Death, Delivery, Parking, Verdict};

/// The decision about a failed delivery, and after which delay it is tried again, if it is.
pub(super) fn decide(
    policy: &RetryPolicy,
    delivery: &Delivery,
    failure: &Failure,
    now: Timestamp,
) -> (Verdict, Option<Duration>) {
    let failures = delivery.failures + 1;
    let error = failure.to_string();
    let failed_first = delivery.failed_first.unwrap_or(now);
    if failure.is_permanent() || failures >= policy.max_attempts {
        if !policy.dead_letter {
            return (Verdict::Done, None);
        }
        let death = Death {
            attempts: failures,
            failed_first,
            failed_last: now,
            error,
        };
        return (Verdict::Dead(death), None);
    }
    let delay = policy.delay(failures, chance());
    (
        park((failures, failed_first), error, now, delay),
        Some(delay),
    )
}

/// The decision about a delivery that failed as a probe of an outage: it is set aside, and has as
/// many tries left as before.
pub(super) fn set_aside(
    policy: &RetryPolicy,
    delivery: &Delivery,
    failure: &Failure,
    now: Timestamp,
) -> (Verdict, Option<Duration>) {
    let failed_first = delivery.failed_first.unwrap_or(now);
    let delay = policy.delay(delivery.failures.max(1), chance());
    let failed = (delivery.failures, failed_first);
    (park(failed, failure.to_string(), now, delay), Some(delay))
}

fn park(
    (failures, failed_first): (u32, Timestamp),
    error: String,
    now: Timestamp,
    delay: Duration,
) -> Verdict {
    Verdict::Park(Parking {
        due: Some(now.saturating_add(delay).unwrap_or(now)),
        failures,
        failed_first: Some(failed_first),
        error,
    })
}

/// A number from 0 to 1 that spreads retries: good enough to keep a herd apart, nothing more.
fn chance() -> f64 {
    const FRACTION_BITS: u32 = 53;
    let bits = RandomState::new().hash_one(0_u8) >> (u64::BITS - FRACTION_BITS);
    #[allow(
        clippy::cast_precision_loss,
        reason = "53 bits are exactly what an f64 holds"
    )]
    let fraction = bits as f64 / (1_u64 << FRACTION_BITS) as f64;
    fraction
}
