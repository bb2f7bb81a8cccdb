//! How the backfill lane of a subscription stands, for whoever asks why it does not move.

use protean_core::Lane;

use super::{LaneState, LeftAlone, Scheduler};

/// What a scheduler knows of the backfill lane of a subscription at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// This process takes part in the subscription.
    pub claimed: bool,
    /// Set while both lanes are left alone, since the handler fails for everything.
    pub left_alone: Option<LeftAlone>,
    /// An operator paused it.
    pub paused: bool,
    /// A limit lets nothing through at this moment.
    pub held_to_a_limit: bool,
    /// Primary messages go first, and nothing is owed to backfill.
    pub primary_goes_first: bool,
    /// Each slot that backfill may use runs something.
    pub slots_taken: bool,
    /// Somebody reads more of it from the broker.
    pub reading: bool,
    /// Messages that are ready to run.
    pub ready: usize,
    /// Messages that run.
    pub running: usize,
    /// Messages that wait behind another one of their key.
    pub behind: usize,
    /// Messages that are set aside until their next try.
    pub set_aside: usize,
}

impl<T> Scheduler<T> {
    /// How the backfill lane of a subscription stands.
    #[must_use]
    pub fn standing(&self, subscription: usize) -> Standing {
        let known = &self.subscriptions[subscription];
        let LaneState { queue, supply } = &known.lanes[Lane::Backfill.index()];
        let paused = self.throttles.is_shut(subscription);
        let at_rest = queue.waiting() + queue.ready();
        Standing {
            claimed: known.claimed,
            left_alone: self.breakers[subscription].left_alone(),
            paused,
            held_to_a_limit: !paused && self.throttles.allowance(subscription) == 0,
            primary_goes_first: self.room(subscription, self.primary_is_ready()) == 0,
            slots_taken: self.free[Lane::Backfill.index()] <= self.withheld,
            reading: supply.is_being_read(),
            ready: queue.ready(),
            running: queue.held().saturating_sub(at_rest),
            behind: queue.waiting(),
            set_aside: queue.set_aside(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protean_core::config::CrossLaneOrder;
    use protean_core::lane::Band;
    use protean_core::throttle::{Rate, Throttle};

    use super::super::{Action, Item, Limits, Shared};
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn scheduler() -> Scheduler<()> {
        let limits = Limits {
            primary_slots: 1,
            backfill_slots: 1,
            batch_max: 1,
            buffer_max: 8,
            min_share: 0.0,
            order: CrossLaneOrder::None,
        };
        let mut scheduler = Scheduler::new(1, limits);
        scheduler.claimed(0);
        scheduler
    }

    fn item(lane: Lane, position: u64, key: Option<u64>) -> Item<()> {
        Item {
            key,
            lane,
            position,
            band: Band::ALL[4],
            body: (),
        }
    }

    fn fetch(scheduler: &mut Scheduler<()>, lane: Lane, items: Vec<Item<()>>) {
        let asked = |action| matches!(action, Action::Fetch { lane: of, .. } if of == lane);
        assert!(scheduler.poll(NOW).is_some_and(asked));
        scheduler.fetched(0, lane, items, false);
    }

    #[test]
    fn each_message_is_counted_where_it_is() {
        let mut scheduler = scheduler();
        fetch(&mut scheduler, Lane::Primary, Vec::new());
        scheduler.parked(0, Lane::Backfill, 9, Some(9), Duration::from_secs(1));
        let items = [(1, Some(1)), (2, Some(1)), (3, None), (10, Some(9))];
        let items = items.map(|(position, key)| item(Lane::Backfill, position, key));
        fetch(&mut scheduler, Lane::Backfill, items.to_vec());
        assert!(matches!(scheduler.poll(NOW), Some(Action::Run(_))));
        assert!(scheduler.poll(NOW).is_none());
        let expected = Standing {
            claimed: true,
            slots_taken: true,
            ready: 1,
            running: 1,
            behind: 2,
            set_aside: 1,
            ..Standing::default()
        };
        assert_eq!(scheduler.standing(0), expected);
    }

    #[test]
    fn what_holds_it_up_is_told_apart() {
        let mut scheduler = scheduler();
        fetch(
            &mut scheduler,
            Lane::Primary,
            vec![item(Lane::Primary, 1, None); 2],
        );
        assert!(matches!(scheduler.poll(NOW), Some(Action::Run(_))));
        assert!(scheduler.standing(0).primary_goes_first);
        let mut shared = |throttle| {
            let subscriptions = vec![0];
            let shared = Shared {
                throttle,
                subscriptions,
            };
            scheduler.throttle(NOW, vec![shared]);
            let standing = scheduler.standing(0);
            (standing.paused, standing.held_to_a_limit)
        };
        assert_eq!(shared(Throttle::Running), (false, false));
        assert_eq!(shared(Throttle::Paused), (true, false));
        let rate = Rate::per_second(1.0).unwrap();
        assert_eq!(shared(Throttle::Limited(rate)), (false, true));
    }
}
