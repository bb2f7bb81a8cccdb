//! Planted bugs: each breaks one promise, and shows that the simulation would notice.

use std::time::Duration;

use crate::invariants::Invariant;
use crate::plan::{Plan, Tier};

macro_rules! planted {
    ($($(#[doc = $doc:literal])+ $name:ident => $invariant:ident,)+) => {
        /// A bug that is planted into what the simulation models, or between it and the code under
        /// test.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Planted {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Planted {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The promise that it breaks.
            #[must_use]
            pub const fn breaks(self) -> Invariant {
                match self {
                    $(Self::$name => Invariant::$invariant,)+
                }
            }
        }
    };
}

planted! {
    /// The scheduler does not hear of primary messages.
    PrimaryUnseen => L1,
    /// Primary slots are given back only when no backfill runs.
    PrimaryWaitsForBackfill => L2,
    /// A backfill batch runs to its end, whatever waits.
    BatchWithoutEnd => L2,
    /// Each subscription has a scheduler of its own.
    SchedulerForEach => L3,
    /// Judgements do not reach the level.
    LevelDeaf => L4,
    /// Backfill does not rest.
    RestSkipped => L4,
    /// More turns of backfill overlap than the level says.
    OverlapIgnored => L4,
    /// Backfill rests though production is not about.
    RestInTheQuiet => L4,
    /// Backfill slots are given back only when no primary message runs.
    BackfillSlotsLeak => L5,
    /// The share that an operator asked for is forgotten.
    ShareForgotten => L6,
    /// Backfill gets twice the share that an operator asked for.
    ShareDoubled => L1,
    /// The age of the oldest message leaves out what is set aside.
    AgeForgetsParked => L6,
    /// A relay publishes the least urgent queue first.
    RelayLeastUrgentFirst => L7,
    /// A fetch reads the least urgent queue first.
    FetchLeastUrgentFirst => L7,
    /// The scheduler does not hear of bands.
    BandsIgnored => L7,
    /// Messages are handed out whoever has the one before.
    OrderUnguarded => L8,
    /// The order of keys does not look at what others set aside.
    ParkedElsewhereUnseen => L8,
    /// What was set aside is not told to the scheduler of whoever takes over.
    ParkedForgotten => L8,
    /// A message that is set aside does not hold its key.
    KeyFreedByFailure => L8,
    /// Messages of a batch with one key do not depend on each other.
    KeysApartInBatch => L8,
    /// A process takes over leases of the living.
    LeaseOfTheLiving => L8,
    /// What goes along with a commit does not look for what its key did meanwhile.
    AlongUnseen => L8,
    /// What goes along with a commit does not look at what is set aside.
    AlongPastParked => L8,
    /// A message is settled, and takes effect in the next transaction.
    SettledBeforeEffect => L9,
    /// A message takes effect, and is settled in the next transaction.
    EffectBeforeSettled => L9,
    /// A message that was settled before is not refused.
    SettledTwice => L9,
    /// What the dead held is not freed.
    DeadKeepLeases => L9,
    /// What the dead had set aside is not freed.
    DeadKeepParked => L9,
    /// What the dead were handed by Redis is not taken over.
    PendingOfTheDeadForgotten => L9,
    /// A feed goes on after Redis lost its data as if nothing had been.
    LossUnnoticed => L9,
    /// A relay publishes though somebody else has gone on from there.
    PublishAfterStaleCompare => L9,
    /// A worker waits for the next try of what failed.
    RetryInHand => L10,
    /// A failure sets its whole batch aside.
    FailureFailsItsBatch => L10,
    /// A message that comes back does not free its key.
    UnparkLosesKey => L10,
    /// A relay publishes whatever there is.
    WindowIgnored => Window,
    /// A relay trusts in the length that it was told last.
    WindowCompared => Window,
}

impl Planted {
    /// Makes a schedule in which the bug can show: not every one has what it takes.
    pub(crate) fn favour(self, plan: &mut Plan) {
        match self {
            Self::ShareForgotten | Self::ShareDoubled => plan.limits.min_share = 0.3,
            Self::RelayLeastUrgentFirst
            | Self::PendingOfTheDeadForgotten
            | Self::LossUnnoticed
            | Self::PublishAfterStaleCompare
            | Self::WindowIgnored
            | Self::WindowCompared => plan.tier = Tier::Distributed,
            Self::DeadKeepLeases | Self::LeaseOfTheLiving | Self::FetchLeastUrgentFirst => {
                plan.tier = Tier::Database;
            }
            Self::SchedulerForEach => {
                plan.limits.min_share = 0.0;
                plan.limits.primary_slots = 1;
                (plan.streams, plan.primary_streams, plan.subscriptions) = (2, 1, 2);
                plan.leading = 0.0;
            }
            Self::AlongUnseen | Self::AlongPastParked => {
                plan.leading = 1.0;
                plan.keys = 1;
                plan.streams = 2;
                plan.primary_streams = 2;
                plan.subscriptions = 3;
            }
            Self::PrimaryUnseen
            | Self::PrimaryWaitsForBackfill
            | Self::BatchWithoutEnd
            | Self::BackfillSlotsLeak => plan.limits.min_share = 0.0,
            _ => {}
        }
        match self.breaks() {
            Invariant::L8 => {
                plan.processes = plan.processes.max(2);
                plan.keys = plan.keys.min(3);
                plan.troubles.failing = 0.2;
            }
            Invariant::L10 => {
                plan.troubles.failing = 0.2;
                plan.troubles.conflicts = 0.0;
            }
            Invariant::L2 | Invariant::L5 => {
                plan.troubles.failing = 0.0;
                plan.troubles.poison = 0.0;
            }
            Invariant::L9 => {
                plan.processes = plan.processes.max(2);
                plan.troubles.failing = 0.1;
                let often = Duration::from_millis(400);
                plan.troubles.blow_every = Some(often);
            }
            Invariant::L6 => plan.troubles.failing = 0.2,
            _ => {}
        }
    }
}
