//! Lanes as the tables have them.

use protean_core::Lane;

/// The lane of messages that were handled inline, and are delivered to nobody.
pub(crate) const INLINE: i16 = 2;

/// What has to be added to a lane's number for messages that another framework published, and that
/// were taken in from the broker.
pub(crate) const TAKEN_IN: i16 = 3;

/// The number of a lane.
pub(crate) const fn number(lane: Lane) -> i16 {
    match lane {
        Lane::Primary => 0,
        Lane::Backfill => 1,
    }
}

/// The number of a lane, for messages that were taken in.
pub(crate) const fn taken_in(lane: Lane) -> i16 {
    number(lane) + TAKEN_IN
}

/// The numbers of a lane, with that for messages that were taken in.
pub(crate) const fn all_of(lane: Lane) -> [i16; 2] {
    [number(lane), taken_in(lane)]
}

/// The lane with this number; `None` for messages that are delivered to nobody.
pub(crate) fn of(found: i16) -> Option<Lane> {
    Lane::ALL
        .into_iter()
        .find(|lane| number(*lane) == found || taken_in(*lane) == found)
}
