//! The two lanes of a stream and the rule that picks one for a message.

use std::fmt;

use crate::Priority;

/// One of the two ways through a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Production traffic, which never waits for backfill.
    Primary,
    /// Bulk work, which runs when primary leaves room.
    Backfill,
}

impl Lane {
    /// Both lanes, primary first.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Backfill];

    /// The lane's word in the vocabulary.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backfill => "backfill",
        }
    }

    /// 0 for primary, 1 for backfill: an index into per-lane arrays.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Primary => 0,
            Self::Backfill => 1,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A rank of urgency inside a lane (L7): band 0 is served before band 1, and so on.
///
/// Inside a band messages are first in, first out, so that a flood of slightly different
/// priorities cannot reorder itself for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Band(u8);

impl Band {
    /// How many bands there are, one for each named priority level.
    pub const COUNT: usize = 5;

    /// All bands, most urgent first.
    pub const ALL: [Self; Self::COUNT] = [Self(0), Self(1), Self(2), Self(3), Self(4)];

    /// The band of a priority: that of the highest named level not above it.
    #[must_use]
    pub fn of(priority: Priority) -> Self {
        Self(match priority {
            p if p >= Priority::Critical => 0,
            p if p >= Priority::High => 1,
            p if p >= Priority::Normal => 2,
            p if p >= Priority::Low => 3,
            _ => 4,
        })
    }

    /// The band's index, 0 to 4.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The rule that sends a message to a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// With lanes off, everything is primary.
    pub enabled: bool,
    /// Priorities below this one go to the backfill lane.
    pub threshold: Priority,
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            enabled: true,
            threshold: Priority::Normal,
        }
    }
}

impl Routing {
    /// The lane of a message with this priority.
    #[must_use]
    pub fn lane(&self, priority: Priority) -> Lane {
        if self.enabled && priority < self.threshold {
            Lane::Backfill
        } else {
            Lane::Primary
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_itself_is_primary() {
        let routing = Routing::default();
        assert_eq!(routing.lane(Priority::Normal), Lane::Primary);
        assert_eq!(routing.lane(Priority::High), Lane::Primary);
        assert_eq!(routing.lane(Priority::new(-1)), Lane::Backfill);
        assert_eq!(routing.lane(Priority::Low), Lane::Backfill);
        assert_eq!(routing.lane(Priority::Bulk), Lane::Backfill);
    }

    #[test]
    fn the_threshold_can_be_moved() {
        let routing = Routing {
            enabled: true,
            threshold: Priority::new(-25),
        };
        assert_eq!(routing.lane(Priority::new(-10)), Lane::Primary);
        assert_eq!(routing.lane(Priority::Low), Lane::Backfill);
    }

    #[test]
    fn with_lanes_off_everything_is_primary() {
        let routing = Routing {
            enabled: false,
            threshold: Priority::Normal,
        };
        assert_eq!(routing.lane(Priority::Bulk), Lane::Primary);
    }

    #[test]
    fn bands_follow_the_named_levels() {
        let bands = [100, 99, 50, 49, 0, -1, -50, -51, -100]
            .map(|value| Band::of(Priority::new(value)).index());
        assert_eq!(bands, [0, 1, 1, 2, 2, 3, 3, 4, 4]);
    }
}
