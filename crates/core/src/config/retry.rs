//! How failures are met.

use std::time::Duration;

use super::table::Table;

/// The longest configured delay: a day.
const DELAY_MAX_SECONDS: f64 = 86_400.0;

/// How the failures of a message are met (L10): tries at growing distances, then the dead-letter
/// queue.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// `max_retries`: how often a message is tried, the first time included.
    pub max_attempts: u32,
    /// `retry_delay_seconds`: the distance between the first try and the second.
    pub delay: Duration,
    /// `backoff_multiplier`: how much longer each distance is than the one before.
    pub multiplier: f64,
    /// `max_backoff_seconds`: the longest distance.
    pub delay_max: Duration,
    /// `jitter`: whether distances differ, so that messages that failed together are not tried
    /// together.
    pub jitter: bool,
    /// `jitter_factor`: by which part of itself a distance may then be longer or shorter.
    pub jitter_factor: f64,
    /// `enable_dlq`: whether a message that was given up is kept.
    pub dead_letter: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            delay: Duration::from_secs(1),
            multiplier: 2.0,
            delay_max: Duration::from_secs(60),
            jitter: true,
            jitter_factor: 0.25,
            dead_letter: true,
        }
    }
}

impl RetryPolicy {
    /// The distance to the next try after so many failures. `unit_random`, from 0 to 1, says where
    /// in the range of the jitter it lies; 0.5 is in the middle.
    ///
    /// ```
    /// use std::time::Duration;
    /// use protean_core::config::RetryPolicy;
    ///
    /// let policy = RetryPolicy::default();
    /// assert_eq!(policy.delay(1, 0.5), Duration::from_secs(1));
    /// assert_eq!(policy.delay(3, 0.5), Duration::from_secs(4));
    /// assert_eq!(policy.delay(50, 0.5), Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn delay(&self, failures: u32, unit_random: f64) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.delay.as_secs_f64() * self.multiplier.powi(exponent);
        let bounded = grown.min(self.delay_max.as_secs_f64());
        let factor = if self.jitter { self.jitter_factor } else { 0.0 };
        let jitter = 1.0 + factor * (2.0 * unit_random.clamp(0.0, 1.0) - 1.0);
        Duration::try_from_secs_f64(bounded * jitter).unwrap_or(self.delay_max)
    }

    /// Takes over what a table says.
    pub(super) fn read(&mut self, table: &mut Table<'_>) {
        table.integer("max_retries", 1..=1_000, &mut self.max_attempts);
        table.seconds(
            "retry_delay_seconds",
            0.0..=DELAY_MAX_SECONDS,
            &mut self.delay,
        );
        table.number("backoff_multiplier", 1.0..=100.0, &mut self.multiplier);
        table.seconds(
            "max_backoff_seconds",
            0.0..=DELAY_MAX_SECONDS,
            &mut self.delay_max,
        );
        table.number("jitter_factor", 0.0..=1.0, &mut self.jitter_factor);
        table.boolean("jitter", &mut self.jitter);
        table.boolean("enable_dlq", &mut self.dead_letter);
    }
}
