//! How much of its turns backfill has.

use std::time::Duration;

use super::{
    ABOUT, FLOOR_LEARNING, FLOOR_PATIENCE, HANDLERS_REST_MAX, Judgement, QUIET_AFTER, REST_MAX,
    Surroundings,
};

/// The least level: backfill goes on, however little (L6).
const LEAST: f64 = 0.05;

/// A level above this has left the least: far enough for the senses to learn what they see there.
const LEFT_FLOOR: f64 = 2.0 * LEAST;

/// The level before anything was judged.
const FIRST: f64 = 0.5;

/// What a late judgement leaves of the level.
const CUT: f64 = 0.9;

/// How much one judgement in time adds: a part of the level, which balances [`CUT`] where one in a
/// hundred is late, and a little besides, which brings levels together that were apart.
const STEP: f64 = 0.001;
const STEP_FIXED: f64 = 0.000_05;

/// How much of its turns backfill has, from nearly nothing to 1, all of them. Small and plain, so
/// that processes can share one in a file.
///
/// Times are those of any clock that never goes back, the same for all who share a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    share: f64,
    /// Since when it has been at its least.
    floored: Option<Duration>,
    /// When production was seen last.
    seen: Option<Duration>,
}

impl Default for Level {
    fn default() -> Self {
        Self {
            share: FIRST,
            floored: None,
            seen: None,
        }
    }
}

impl Level {
    /// How many bytes a level has.
    pub const BYTES: usize = 24;

    /// Production is about, and some of its work was judged.
    pub fn hear(&mut self, now: Duration, judgement: Judgement) {
        self.seen = Some(now);
        let step = STEP.mul_add(self.share, STEP_FIXED);
        let cuts = i32::try_from(judgement.late).unwrap_or(i32::MAX);
        let share = step.mul_add(f64::from(judgement.in_time), self.share);
        self.share = (share * CUT.powi(cuts)).clamp(LEAST, self.greatest(now));
        if cuts > 0 {
            tracing::debug!(share = self.share, ?judgement, "backfill is cut back");
        }
        self.floored = match self.floored {
            None if self.share <= LEAST / CUT => Some(now),
            Some(_) if self.share > LEFT_FLOOR => None,
            unchanged => unchanged,
        };
    }

    /// The greatest share: little above the least while the senses learn a new quiet. Otherwise it
    /// would leave them as soon as one in a hundred was late by what they know so far, which is less
    /// than the quiet.
    fn greatest(&self, now: Duration) -> f64 {
        let learning = FLOOR_PATIENCE..FLOOR_PATIENCE + FLOOR_LEARNING;
        let since = self.floored.map(|at| now.saturating_sub(at));
        match since.is_some_and(|since| learning.contains(&since)) {
            true => LEFT_FLOOR,
            false => 1.0,
        }
    }

    /// Whether production was seen lately.
    #[must_use]
    pub fn is_production_about(&self, now: Duration) -> bool {
        let since = |seen| now.saturating_sub(seen);
        self.seen.is_some_and(|seen| since(seen) < ABOUT)
    }

    /// The part of its time that backfill may work: all of it with no production about.
    #[must_use]
    pub fn share(&self, now: Duration) -> f64 {
        match self.is_production_about(now) {
            true => self.share,
            false => 1.0,
        }
    }

    /// How long to rest after a turn of this length.
    #[must_use]
    pub fn rest_after(&self, now: Duration, turn: Duration) -> Duration {
        self.rest_among(now, turn, 1)
    }

    /// The same for one of `count` who share the level: together they work as one would. With no
    /// production about nobody has to share.
    #[must_use]
    pub fn rest_among(&self, now: Duration, turn: Duration, count: u32) -> Duration {
        let rest_max = REST_MAX.saturating_mul(count);
        self.whole_rest(now, turn, count).min(rest_max)
    }

    /// The same after handlers that used a processor for so long.
    #[must_use]
    pub fn rest_after_handlers(&self, now: Duration, used: Duration, count: u32) -> Duration {
        let rest_max = HANDLERS_REST_MAX.saturating_mul(count);
        self.whole_rest(now, used, count).min(rest_max)
    }

    /// The rest that leaves of both together what the level says.
    fn whole_rest(&self, now: Duration, turn: Duration, count: u32) -> Duration {
        if !self.is_production_about(now) {
            return Duration::ZERO;
        }
        let share = self.share / f64::from(count.max(1));
        turn.mul_f64((1.0 - share) / share)
    }

    /// How many turns may overlap, of at most so many: at least one.
    #[must_use]
    pub fn overlap(&self, now: Duration, overlap_max: usize) -> usize {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a small number times a part of 1"
        )]
        let overlap = (overlap_max as f64 * self.share(now)) as usize;
        overlap.max(1)
    }

    /// What primary work has around it, when backfill was seen last at `backfill`, if ever.
    #[must_use]
    pub fn surroundings(&self, now: Duration, backfill: Option<Duration>) -> Surroundings {
        let since = |moment| now.saturating_sub(moment);
        if backfill.is_none_or(|seen| since(seen) >= QUIET_AFTER) {
            return Surroundings::Quiet;
        }
        match self.floored.is_some_and(|at| since(at) >= FLOOR_PATIENCE) {
            true => Surroundings::Floored,
            false => Surroundings::Backfill,
        }
    }

    /// The level as bytes, for a place that processes of one machine share.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let nanos = |time: Option<Duration>| {
            let nanos = time.map_or(0, |time| time.as_nanos());
            u64::try_from(nanos).unwrap_or(u64::MAX)
        };
        let words = [self.share.to_bits(), nanos(self.floored), nanos(self.seen)];
        let mut bytes = [0; Self::BYTES];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The level of some bytes; a new one when they mean nothing.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut words = [0; 3];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(place);
            *word = u64::from_le_bytes(eight);
        }
        let [share, floored, seen] = words;
        let share = f64::from_bits(share);
        if !(LEAST..=1.0).contains(&share) {
            return Self::default();
        }
        let time = |nanos| (nanos > 0).then(|| Duration::from_nanos(nanos));
        Self {
            share,
            floored: time(floored),
            seen: time(seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const fn judged(in_time: u32, late: u32) -> Judgement {
        Judgement { in_time, late }
    }

    #[test]
    fn l5_without_production_backfill_has_everything() {
        let mut level = Level::default();
        assert_eq!(level.rest_after(SECOND, SECOND), Duration::ZERO);
        level.hear(SECOND, judged(0, 1));
        assert!(level.rest_after(SECOND, SECOND / 100) > SECOND / 100);
        assert_eq!(level.overlap(SECOND, 4), 1);
        let later = SECOND + ABOUT;
        assert_eq!(level.rest_after(later, SECOND), Duration::ZERO);
        assert_eq!(level.overlap(later, 4), 4);
    }

    #[test]
    fn l4_several_work_together_as_long_as_one_would() {
        let mut level = Level::default();
        level.hear(SECOND, judged(0, 5));
        let turn = SECOND / 1_000;
        let part = |count| {
            let rest = level.rest_among(SECOND, turn, count);
            f64::from(count) * turn.as_secs_f64() / (turn + rest).as_secs_f64()
        };
        assert!((part(3) - part(1)).abs() < 1e-6, "{} {}", part(3), part(1));
        assert_eq!(level.rest_among(SECOND + ABOUT, turn, 3), Duration::ZERO);
    }

    #[test]
    fn l4_handlers_rest_for_all_that_they_used() {
        let mut level = Level::default();
        level.hear(SECOND, judged(0, 100));
        let used = SECOND / 50;
        let rest = |used, count| level.rest_after_handlers(SECOND, used, count);
        assert_eq!(rest(used, 1), used * 19, "at the least level");
        assert_eq!(rest(SECOND, 1), HANDLERS_REST_MAX);
        assert_eq!(rest(SECOND, 3), 3 * HANDLERS_REST_MAX);
        let alone = level.rest_after_handlers(SECOND + ABOUT, used, 1);
        assert_eq!(alone, Duration::ZERO);
    }

    #[test]
    fn one_late_in_a_hundred_keeps_the_level_and_levels_come_together() {
        let (mut one, mut other) = (Level::default(), Level::default());
        other.hear(SECOND, judged(0, 10));
        let apart = |one: &Level, other: &Level| one.share(SECOND) - other.share(SECOND);
        let before = apart(&one, &other);
        for _ in 0..100 {
            one.hear(SECOND, judged(99, 1));
            other.hear(SECOND, judged(99, 1));
        }
        assert!((one.share(SECOND) - FIRST).abs() < 0.15, "{one:?}");
        assert!(apart(&one, &other) < before / 2.0, "{one:?} {other:?}");
    }

    #[test]
    fn l6_backfill_never_stops_and_the_floor_is_noticed() {
        let mut level = Level::default();
        let mut now = SECOND;
        while now < FLOOR_PATIENCE * 2 {
            level.hear(now, judged(1, 9));
            now += SECOND / 20;
        }
        assert!(level.share(now) >= LEAST);
        assert_eq!(level.surroundings(now, Some(now)), Surroundings::Floored);
        assert_eq!(level.surroundings(now, None), Surroundings::Quiet);
        let quiet = level.surroundings(now, Some(now - QUIET_AFTER));
        assert_eq!(quiet, Surroundings::Quiet);
        level.hear(now, judged(1_000, 0));
        assert_eq!(level.share(now), LEFT_FLOOR);
        assert_eq!(level.surroundings(now, Some(now)), Surroundings::Floored);
        now += FLOOR_LEARNING;
        level.hear(now, judged(1_000, 0));
        assert!(level.share(now) > LEFT_FLOOR);
        assert_eq!(level.surroundings(now, Some(now)), Surroundings::Backfill);
    }

    #[test]
    fn a_level_survives_its_bytes_and_nonsense_is_a_new_one() {
        let mut level = Level::default();
        level.hear(SECOND, judged(7, 1));
        assert_eq!(Level::from_bytes(&level.to_bytes()), level);
        assert_eq!(Level::from_bytes(&[0; Level::BYTES]), Level::default());
        assert_eq!(Level::from_bytes(&[255; Level::BYTES]), Level::default());
    }
}
