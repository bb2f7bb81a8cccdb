//! How urgent a message is, and where that urgency comes from.
//!
//! Everything a message causes inherits its priority, so that the follow-on work of an import stays
//! out of production's way. The resolution order is: explicit on the call, then the handle or the
//! [`scope`], then the message being handled, then [`Priority::Normal`].

use std::fmt;
use std::future::Future;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The urgency of a message: any `i32`, with five named levels.
///
/// A greater value is more urgent. Messages below the configured threshold (0 unless changed)
/// travel on the backfill lane.
///
/// ```
/// use protean_core::Priority;
///
/// assert!(Priority::Bulk < Priority::Normal);
/// assert_eq!(Priority::new(-100), Priority::Bulk);
/// assert_eq!("high".parse(), Ok(Priority::High));
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Priority(i32);

#[allow(
    non_upper_case_globals,
    reason = "the levels read as variants, as in `Priority::Bulk`"
)]
impl Priority {
    /// Data migrations and large imports (−100).
    pub const Bulk: Self = Self(-100);
    /// Background work that nobody waits for (−50).
    pub const Low: Self = Self(-50);
    /// Production traffic (0), the default.
    pub const Normal: Self = Self(0);
    /// Time-sensitive work (50).
    pub const High: Self = Self(50);
    /// Work the whole system depends on (100).
    pub const Critical: Self = Self(100);
}

impl Priority {
    /// The priority with this value; values between the named levels are legal.
    #[must_use]
    pub const fn new(value: i32) -> Self {
        Self(value)
    }

    /// The number that travels in the envelope.
    #[must_use]
    pub const fn value(self) -> i32 {
        self.0
    }

    /// The name of the level this value is, if it is one of the five.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Bulk => Some("BULK"),
            Self::Low => Some("LOW"),
            Self::Normal => Some("NORMAL"),
            Self::High => Some("HIGH"),
            Self::Critical => Some("CRITICAL"),
            _ => None,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A text that is neither a level's name nor a whole number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a priority (bulk, low, normal, high, critical or a whole number), found \"{found}\""
)]
pub struct ParsePriorityError {
    found: String,
}

impl FromStr for Priority {
    type Err = ParsePriorityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "bulk" => Ok(Self::Bulk),
            "low" => Ok(Self::Low),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            "critical" => Ok(Self::Critical),
            number => number.parse().map(Self).map_err(|_| ParsePriorityError {
                found: text.to_owned(),
            }),
        }
    }
}

tokio::task_local! {
    static SCOPE: Priority;
}

/// Runs `work` so that every command processed in it, without a priority of its own, has this one.
///
/// Scopes nest (the inner one wins), end with the future however it ends, and belong to one task:
/// a task spawned inside does not inherit the scope.
///
/// # Cancel safety
/// As cancel safe as `work`; dropping the future ends the scope.
pub async fn scope<F: Future>(priority: Priority, work: F) -> F::Output {
    SCOPE.scope(priority, work).await
}

/// The priority of the innermost [`scope`] around the current task, if there is one.
#[must_use]
pub fn scoped() -> Option<Priority> {
    SCOPE.try_with(|priority| *priority).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_values_of_the_contract_and_are_ordered() {
        let levels = [
            Priority::Bulk,
            Priority::Low,
            Priority::Normal,
            Priority::High,
            Priority::Critical,
        ];
        assert_eq!(levels.map(Priority::value), [-100, -50, 0, 50, 100]);
        assert!(levels.is_sorted());
        assert_eq!(Priority::default(), Priority::Normal);
    }

    #[test]
    fn text_is_a_level_or_a_whole_number() {
        assert_eq!("BULK".parse(), Ok(Priority::Bulk));
        assert_eq!("-7".parse(), Ok(Priority::new(-7)));
        let error = "urgent".parse::<Priority>().unwrap_err();
        assert!(error.to_string().contains("found \"urgent\""));
        assert_eq!(Priority::Low.to_string(), "LOW");
        assert_eq!(Priority::new(3).to_string(), "3");
    }

    #[tokio::test]
    async fn scopes_nest_and_end() {
        assert_eq!(scoped(), None);
        scope(Priority::Bulk, async {
            assert_eq!(scoped(), Some(Priority::Bulk));
            scope(Priority::Critical, async {
                assert_eq!(scoped(), Some(Priority::Critical));
            })
            .await;
            assert_eq!(scoped(), Some(Priority::Bulk));
        })
        .await;
        assert_eq!(scoped(), None);
    }

    #[tokio::test]
    async fn a_scope_ends_when_its_work_fails() {
        let failed: Result<(), &str> = scope(Priority::Bulk, async { Err("refused") }).await;
        assert_eq!(failed, Err("refused"));
        assert_eq!(scoped(), None);
    }

    #[tokio::test]
    async fn tasks_do_not_share_a_scope() {
        let other = scope(Priority::Bulk, async {
            tokio::spawn(async { scoped() })
                .await
                .expect("the task does not panic")
        })
        .await;
        assert_eq!(other, None);
    }
}
