//! What operators ask of backfill lanes: to run, to stand still, or to keep to a rate.
//!
//! It is about handling alone: messages are accepted and kept whatever is asked here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How much of a backfill lane is handled, from the loosest to the strictest: the greater of two
/// holds when both are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Throttle {
    /// As much as there is room for.
    #[default]
    Running,
    /// No more than this.
    Limited(Rate),
    /// Nothing: what runs finishes, and nothing is started.
    Paused,
}

impl Throttle {
    /// The stricter of two.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Paused, _) | (_, Self::Paused) => Self::Paused,
            (Self::Running, one) | (one, Self::Running) => one,
            (Self::Limited(one), Self::Limited(other)) => Self::Limited(one.min(other)),
        }
    }

    /// Its word in the vocabulary: `running`, `limited` or `paused`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Limited(_) => "limited",
            Self::Paused => "paused",
        }
    }

    /// The rate it is limited to, if it is.
    #[must_use]
    pub const fn rate(self) -> Option<Rate> {
        match self {
            Self::Limited(rate) => Some(rate),
            Self::Running | Self::Paused => None,
        }
    }
}

/// Messages per second: from [`Rate::MIN`] to [`Rate::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// Why something is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRate {
    /// Nothing per second is a pause.
    #[error("[PE0141] expected a rate above 0, found {found}; to stop the lane, pause it")]
    Nothing {
        /// What was asked for.
        found: String,
    },
    /// It is no number, or one that is out of all proportion.
    #[error(
        "[PE0142] expected messages per second as a number from {} to {}, such as 500 or 0.5, \
         found {found:?}",
        Rate::MIN,
        Rate::MAX
    )]
    Senseless {
        /// What was asked for.
        found: String,
    },
}

impl Rate {
    /// The lowest rate: about four messages an hour. Slower is a pause with surprises.
    pub const MIN: f64 = 0.001;

    /// The highest rate: more than any store takes, so that it limits nothing.
    pub const MAX: f64 = 1_000_000_000.0;

    /// So many messages per second.
    ///
    /// # Errors
    /// When it is not a number from [`Self::MIN`] to [`Self::MAX`].
    pub fn per_second(messages: f64) -> Result<Self, NoRate> {
        if messages == 0.0 {
            let found = messages.to_string();
            return Err(NoRate::Nothing { found });
        }
        if (Self::MIN..=Self::MAX).contains(&messages) {
            return Ok(Self(messages));
        }
        let found = messages.to_string();
        Err(NoRate::Senseless { found })
    }

    /// Messages per second.
    #[must_use]
    pub const fn messages_per_second(self) -> f64 {
        self.0
    }

    /// The part of it that each of so many has; of none, all of it.
    #[must_use]
    pub fn divided(self, among: u64) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "processes are few")]
        let among = among.max(1) as f64;
        Self(self.0 / among)
    }

    const fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        let found = || text.to_owned();
        match text.trim().parse::<f64>() {
            Ok(0.0) => Err(NoRate::Nothing { found: found() }),
            Ok(number) => {
                Self::per_second(number).map_err(|_| NoRate::Senseless { found: found() })
            }
            Err(_) => Err(NoRate::Senseless { found: found() }),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// All that is asked of the backfill lanes of a domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Throttles {
    /// What is asked of all of them together: a rate is shared by all subscriptions.
    pub domain: Throttle,
    /// What is asked of subscriptions, by the name of the handler: a rate is shared by all streams
    /// that it reads. One that is not named is [`Throttle::Running`].
    pub subscriptions: BTreeMap<String, Throttle>,
    /// The parts that living processes take in subscriptions, all together, on a tier where
    /// several may take part in one; 0 where a subscription belongs to one process. A rate is
    /// meant for all of them together.
    pub parts: u64,
}

impl Throttles {
    /// What is asked of one subscription itself.
    #[must_use]
    pub fn asked_of(&self, name: &str) -> Throttle {
        self.subscriptions.get(name).copied().unwrap_or_default()
    }

    /// What holds for one subscription: the stricter of what is asked of it and of its domain.
    #[must_use]
    pub fn of(&self, name: &str) -> Throttle {
        self.domain.stricter(self.asked_of(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(rate: f64) -> Throttle {
        Throttle::Limited(Rate::per_second(rate).unwrap_or(Rate(f64::NAN)))
    }

    #[test]
    fn the_stricter_of_domain_and_subscription_holds() {
        let throttles = |domain| Throttles {
            domain,
            subscriptions: BTreeMap::from([
                ("Slow".to_owned(), limited(5.0)),
                ("Still".to_owned(), Throttle::Paused),
            ]),
            parts: 0,
        };
        let running = throttles(Throttle::Running);
        assert_eq!(running.of("Other"), Throttle::Running);
        assert_eq!(running.of("Slow"), limited(5.0));
        assert_eq!(running.of("Still"), Throttle::Paused);
        let slow = throttles(limited(2.0));
        assert_eq!(slow.of("Other"), limited(2.0));
        assert_eq!(slow.of("Slow"), limited(2.0));
        assert_eq!(throttles(limited(9.0)).of("Slow"), limited(5.0));
        assert_eq!(slow.of("Still"), Throttle::Paused);
        assert_eq!(throttles(Throttle::Paused).of("Slow"), Throttle::Paused);
    }

    #[test]
    fn rates_are_numbers_above_nothing() {
        let parsed = |text: &str| text.parse::<Rate>().map(|rate| rate.to_string());
        assert_eq!(parsed("500").as_deref(), Ok("500/s"));
        assert_eq!(parsed("0.5").as_deref(), Ok("0.5/s"));
        for nothing in ["0", "0.0", "-0"] {
            let error = parsed(nothing).unwrap_err().to_string();
            assert!(error.contains("pause it"), "{error}");
        }
        for senseless in ["-1", "nan", "inf", "1e300", "1e-300", "many", ""] {
            let error = parsed(senseless).unwrap_err().to_string();
            assert!(error.starts_with("[PE0142]"), "{error}");
        }
    }

    #[test]
    fn a_rate_is_divided_among_processes() {
        let rate = Rate(500.0);
        assert_eq!(rate.divided(0), rate);
        assert_eq!(rate.divided(2), Rate(250.0));
    }
}
