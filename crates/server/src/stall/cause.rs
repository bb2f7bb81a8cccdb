//! Why backfill makes no progress.

use std::fmt;

use crate::lane::Standing;

/// What is seen of the backfill lane of a subscription at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sight {
    /// Messages not handled yet, by whatever process.
    pub waiting: u64,
    /// Messages that all processes together handled per second lately.
    pub rate_per_second: f64,
    /// Messages that this process has settled since its start.
    pub settled: u64,
    /// What the scheduler knows.
    pub standing: Standing,
    /// Whether the governor has seen production lately.
    pub is_production_about: bool,
}

/// Why backfill of a subscription makes no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An operator paused it.
    Paused,
    /// An operator limited it to less than a message in the time it was watched.
    Limited,
    /// Another process holds the subscription.
    HeldElsewhere,
    /// Its handler fails for everything, so both lanes wait, but for one message at a time.
    LeftAlone,
    /// Primary messages always go first.
    Primary,
    /// What runs makes way for production, and does not get to its end.
    MakesWay,
    /// What runs does not end.
    Runs,
    /// Other subscriptions have every slot.
    SlotsTaken,
    /// All that waits is set aside until its next try, or behind something that is.
    SetAside,
    /// The broker does not answer the reader.
    Unread,
    /// Other processes have it in hand, or it has not reached the broker.
    InOtherHands,
    /// No server runs.
    NoServer,
    /// Nothing that the engine knows of keeps it.
    Unknown,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Paused,
        Self::Limited,
        Self::HeldElsewhere,
        Self::LeftAlone,
        Self::Primary,
        Self::MakesWay,
        Self::Runs,
        Self::SlotsTaken,
        Self::SetAside,
        Self::Unread,
        Self::InOtherHands,
        Self::NoServer,
        Self::Unknown,
    ];

    /// The cause that a sight shows: what an operator wanted goes first, then whatever is nearest
    /// to the message that should run next.
    #[must_use]
    pub const fn of(sight: &Sight) -> Self {
        let standing = &sight.standing;
        if standing.paused {
            return Self::Paused;
        }
        if !standing.claimed {
            return Self::HeldElsewhere;
        }
        if standing.left_alone.is_some() {
            return Self::LeftAlone;
        }
        if standing.running > 0 {
            return if sight.is_production_about {
                Self::MakesWay
            } else {
                Self::Runs
            };
        }
        if standing.held_to_a_limit {
            return Self::Limited;
        }
        if standing.ready > 0 {
            return match (standing.primary_goes_first, standing.slots_taken) {
                (true, _) => Self::Primary,
                (false, true) => Self::SlotsTaken,
                (false, false) => Self::Unknown,
            };
        }
        if standing.reading {
            return Self::Unread;
        }
        if standing.set_aside > 0 || standing.behind > 0 {
            return Self::SetAside;
        }
        Self::InOtherHands
    }

    /// Its name for programs: `held_elsewhere`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Limited => "limited",
            Self::HeldElsewhere => "held_elsewhere",
            Self::LeftAlone => "left_alone",
            Self::Primary => "primary",
            Self::MakesWay => "makes_way",
            Self::Runs => "runs",
            Self::SlotsTaken => "slots_taken",
            Self::SetAside => "set_aside",
            Self::Unread => "unread",
            Self::InOtherHands => "in_other_hands",
            Self::NoServer => "no_server",
            Self::Unknown => "unknown",
        }
    }

    /// The cause of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// What it is, and what can be done about it.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paused => "an operator paused it; `lanes resume` ends that",
            Self::Limited => "an operator limited it; `lanes status` shows to what",
            Self::HeldElsewhere => "another process holds the subscription",
            Self::LeftAlone => {
                "its handler fails for everything, so it is left alone, but for one message at a \
                 time; mend what it needs"
            }
            Self::Primary => "primary messages always go first; more servers, or `min_share`, help",
            Self::MakesWay => {
                "what runs makes way for production, and does not get to its end; `min_share` helps"
            }
            Self::Runs => "what runs does not end; look at its handler and at the store",
            Self::SlotsTaken => {
                "other subscriptions have every slot; a greater `backfill_concurrency` helps"
            }
            Self::SetAside => "all that waits is set aside until its next try, or behind such",
            Self::Unread => "the broker does not answer",
            Self::InOtherHands => {
                "other processes have it in hand, or it has not reached the broker; \
                 `outbox status` tells"
            }
            Self::NoServer => "no server runs",
            Self::Unknown => "nothing that the engine knows of keeps it",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lane::LeftAlone;

    fn of(standing: Standing, is_production_about: bool) -> Cause {
        let standing = Standing {
            claimed: true,
            ..standing
        };
        Cause::of(&Sight {
            waiting: 7,
            standing,
            is_production_about,
            ..Sight::default()
        })
    }

    /// A lane with some messages ready, with this changed.
    fn ready(change: impl FnOnce(&mut Standing)) -> Standing {
        let mut standing = Standing {
            ready: 3,
            ..Standing::default()
        };
        change(&mut standing);
        standing
    }

    #[test]
    fn the_cause_is_what_keeps_the_next_message() {
        for (standing, cause) in [
            (ready(|_| {}), Cause::Unknown),
            (ready(|it| it.reading = true), Cause::Unknown),
            (ready(|it| it.paused = true), Cause::Paused),
            (ready(|it| it.held_to_a_limit = true), Cause::Limited),
            (ready(|it| it.primary_goes_first = true), Cause::Primary),
            (ready(|it| it.slots_taken = true), Cause::SlotsTaken),
            (ready(|it| it.running = 1), Cause::Runs),
        ] {
            assert_eq!(of(standing, false), cause, "{standing:?}");
        }
        assert_eq!(of(ready(|it| it.running = 1), true), Cause::MakesWay);
        let left_alone = |it: &mut Standing| {
            let (since, probe) = (Duration::ZERO, None);
            it.left_alone = Some(LeftAlone { since, probe });
            it.running = 1;
        };
        assert_eq!(of(ready(left_alone), true), Cause::LeftAlone);
        assert_eq!(Cause::of(&Sight::default()), Cause::HeldElsewhere);
    }

    #[test]
    fn with_nothing_ready_it_is_where_the_messages_are() {
        let none = |change: fn(&mut Standing)| {
            let mut standing = ready(change);
            standing.ready = 0;
            of(standing, false)
        };
        assert_eq!(none(|_| {}), Cause::InOtherHands);
        assert_eq!(none(|it| it.primary_goes_first = true), Cause::InOtherHands);
        assert_eq!(none(|it| it.set_aside = 1), Cause::SetAside);
        assert_eq!(none(|it| it.behind = 9), Cause::SetAside);
        let reading = |it: &mut Standing| (it.set_aside, it.reading) = (1, true);
        assert_eq!(none(reading), Cause::Unread);
    }

    #[test]
    fn every_cause_has_a_name_of_its_own() {
        for cause in Cause::ALL {
            assert_eq!(Cause::named(cause.name()), Some(cause));
        }
        assert_eq!(Cause::named("weather"), None);
    }
}
