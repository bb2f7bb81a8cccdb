//! Tries at a message, as people and programs see them.

use std::time::Duration;

use jiff::Timestamp;
use protean_core::port::trace::{Attempt, Outcome};
use serde_json::{Value, json};

use crate::{grouped, span};

/// A try, with how long the message had waited for it.
pub(crate) struct Try<'a> {
    pub(crate) attempt: &'a Attempt,
    pub(crate) waited: Duration,
}

/// The tries at a message that was made then: it waits for the first from then on, and for each of
/// the others from the end of the one before.
pub(crate) fn tries(made: Timestamp, attempts: &[Attempt]) -> impl Iterator<Item = Try<'_>> {
    let mut from = made;
    attempts.iter().map(move |attempt| {
        let waited = attempt.started.duration_since(from);
        from = attempt.started.saturating_add(attempt.took).unwrap_or(from);
        Try {
            attempt,
            waited: waited.try_into().unwrap_or_default(),
        }
    })
}

impl Try<'_> {
    /// What it came to, and what it took: `done after 3.1 ms, ran 2.0 ms`.
    pub(crate) fn text(&self) -> String {
        let Attempt {
            number,
            took,
            together,
            outcome,
            error,
            ..
        } = self.attempt;
        let waited = lasting(self.waited);
        let mut text = format!("{} after {waited}, ran {}", outcome.name(), lasting(*took));
        if *together > 1 {
            text += &format!(" with {} others", grouped(together - 1));
        }
        if *number > 1 || *outcome != Outcome::Done {
            text += &format!(", try {number}");
        }
        if let Some(error) = error {
            text += &format!(": {error}");
        }
        text
    }

    pub(crate) fn to_json(&self) -> Value {
        let Attempt {
            number,
            started,
            took,
            together,
            outcome,
            error,
        } = self.attempt;
        json!({
            "attempt": number,
            "started": started,
            "waited_ms": millis(self.waited),
            "ran_ms": millis(*took),
            "together": together,
            "outcome": outcome.name(),
            "error": error,
        })
    }
}

/// Milliseconds, with what is below one behind the point.
pub(crate) fn millis(time: Duration) -> f64 {
    const MICROS_PER_MILLI: f64 = 1_000.0;
    #[allow(
        clippy::cast_precision_loss,
        reason = "a float holds the microseconds of two centuries"
    )]
    let micros = time.as_micros() as f64;
    micros / MICROS_PER_MILLI
}

/// A time in the unit that fits it: `3.1 ms`, `312 ms`, `2.1 s`, `2m 14s`.
pub(crate) fn lasting(time: Duration) -> String {
    match time.as_millis() {
        0..10 => format!("{:.1} ms", millis(time)),
        10..1_000 => format!("{} ms", time.as_millis()),
        1_000..60_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => span(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_waits_from_the_end_of_the_one_before() {
        let made = Timestamp::UNIX_EPOCH;
        let attempt = |number, millis, outcome| Attempt {
            number,
            started: made + Duration::from_millis(millis),
            took: Duration::from_micros(2_040),
            together: 1,
            outcome,
            error: (outcome != Outcome::Done).then(|| "away".to_owned()),
        };
        let all = [
            attempt(1, 3, Outcome::Retried),
            attempt(2, 1_505, Outcome::Done),
        ];
        let texts: Vec<_> = tries(made, &all).map(|one| one.text()).collect();
        assert_eq!(
            texts,
            [
                "retried after 3.0 ms, ran 2.0 ms, try 1: away",
                "done after 1.5 s, ran 2.0 ms, try 2"
            ]
        );
        assert_eq!(lasting(Duration::from_secs(134)), "2m 14s");
    }
}
