//! L4: backfill is at full speed when production is idle, and out of the way when it is not.

use std::time::Duration;

use protean_core::governor::Level;

use super::Invariant;
use crate::watch::Watch;

/// The least and the greatest level.
const LEAST: f64 = 0.05;
const GREATEST: f64 = 1.0;

/// The most of production's work that may be late: what is steered at is one in a hundred, and at
/// the least level backfill still has one turn in twenty.
const LATE_MAX: f64 = 0.07;

/// The least of all turns that backfill has with nobody about.
const FULL_SPEED: f64 = 0.95;

/// The longest rest.
const REST_MAX: Duration = Duration::from_millis(100);

/// A level is between its bounds.
pub(crate) fn check_level(watch: &Watch, level: Level, now: Duration) {
    let share = level.share(now);
    watch.check(Invariant::L4, (LEAST..=GREATEST).contains(&share), || {
        format!("the level is {share}")
    });
}

/// Turns overlap as the level says, and each is followed by the rest that brings backfill down to
/// its share.
pub(crate) fn check_turn(
    watch: &Watch,
    level: Level,
    now: Duration,
    (turn, rest): (Duration, Duration),
    busy: usize,
    overlap_max: usize,
) {
    check_level(watch, level, now);
    let share = level.share(now);
    let part = turn.as_secs_f64() / (turn + rest).as_secs_f64();
    let holds = (part - share).abs() < 0.01 || rest >= REST_MAX;
    watch.check(Invariant::L4, holds, || {
        format!("a turn of {turn:?} is followed by {rest:?} at a level of {share}")
    });
    let most = if share >= GREATEST {
        overlap_max
    } else {
        overlap_max - 1
    };
    watch.check(Invariant::L4, busy <= most.max(1), || {
        format!("{busy} turns overlap at a level of {share}")
    });
}

/// Of what production did, so much was in time and so much late.
pub(crate) fn check_late(watch: &Watch, [in_time, late]: [u32; 2]) {
    let part = f64::from(late) / f64::from((in_time + late).max(1));
    watch.check(Invariant::L4, part < LATE_MAX, || {
        format!("{part:.3} of production is late")
    });
}

/// With nobody about backfill works all the time.
pub(crate) fn check_full_speed(watch: &Watch, worked: Duration, of: Duration) {
    let part = worked.as_secs_f64() / of.as_secs_f64();
    watch.check(Invariant::L4, part >= FULL_SPEED, || {
        format!("with nobody about backfill works {part:.2} of its time")
    });
}
