//! What happens in the world of a scheduler: random schedules.

use proptest::prelude::*;
use protean_core::Lane;

use super::simulation::SUBSCRIPTIONS;

/// One thing that happens in the world.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Publish {
        subscription: usize,
        lane: Lane,
        band: usize,
        key: Option<u64>,
    },
    Answer(usize),
    Finish {
        nth: usize,
        fates: Vec<u8>,
    },
    Wait(u64),
    /// Pauses the backfill lane of a subscription, or lets it go on.
    Turn(usize),
}

/// The key lists of a message only grow by arrival, so the bands of one key must agree: the
/// order in a lane is by band first, and the model judges order by arrival.
fn band_of(lane: Lane, key: Option<u64>, band: usize) -> usize {
    let first = if lane == Lane::Primary { 0 } else { 3 };
    let count = if lane == Lane::Primary { 3 } else { 2 };
    first + key.map_or(band, |key| usize::try_from(key).unwrap_or_default()) % count
}

/// A schedule.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let publish = (
        0..SUBSCRIPTIONS,
        any::<bool>(),
        0..5_usize,
        proptest::option::of(0..4_u64),
    )
        .prop_map(|(subscription, bulk, band, key)| {
            let lane = if bulk { Lane::Backfill } else { Lane::Primary };
            Step::Publish {
                subscription,
                lane,
                band: band_of(lane, key, band),
                key,
            }
        });
    let step = prop_oneof![
        4 => publish,
        3 => (0..8_usize).prop_map(Step::Answer),
        3 => (0..4_usize, proptest::collection::vec(0..9_u8, 4))
            .prop_map(|(nth, fates)| Step::Finish { nth, fates }),
        1 => (1..50_u64).prop_map(Step::Wait),
        1 => (0..SUBSCRIPTIONS).prop_map(Step::Turn),
    ];
    proptest::collection::vec(step, 1..120)
}
