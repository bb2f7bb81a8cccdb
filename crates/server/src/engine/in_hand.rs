//! The backfill messages of a subscription that this process has, when they come by two ways: by
//! their own lane, and promoted before a primary message of their key (L8).
//!
//! A reader may tell of a message that was in hand when it looked and is settled when its answer
//! arrives. So what is settled is remembered for as long as a reader is looking. A message that
//! slipped through would be run in vain, for it is settled once (L9).

use std::collections::HashSet;

use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::port::broker::Delivery;

/// Positions of backfill messages with keys; none where they come by one way alone.
#[derive(Debug)]
pub(super) struct InHand {
    order: CrossLaneOrder,
    held: HashSet<u64>,
    lookers: [Looker; 2],
}

/// The reader of a lane.
#[derive(Debug, Default)]
struct Looker {
    looking: bool,
    /// What left this process's hands since it began to look.
    left: HashSet<u64>,
}

impl InHand {
    pub(super) fn new(order: CrossLaneOrder) -> Self {
        Self {
            order,
            held: HashSet::new(),
            lookers: Default::default(),
        }
    }

    /// The reader of a lane begins to look.
    pub(super) fn asked(&mut self, lane: Lane) {
        self.lookers[lane.index()].looking = true;
    }

    /// What the reader of a lane found, but for what is in hand, or was.
    pub(super) fn admit(
        &mut self,
        lane: Lane,
        found: impl Iterator<Item = Delivery>,
    ) -> Vec<Delivery> {
        let order = self.order;
        let is_new = |one: &Delivery| {
            let twofold = one.lane == Lane::Backfill && one.message.key.is_some();
            !twofold || self.take(lane, one.position.0)
        };
        let new = match order {
            CrossLaneOrder::None => found.collect(),
            CrossLaneOrder::PerKey => found.filter(is_new).collect(),
        };
        self.answered(lane);
        new
    }

    fn answered(&mut self, lane: Lane) {
        self.lookers[lane.index()] = Looker::default();
    }

    fn take(&mut self, lane: Lane, position: u64) -> bool {
        !self.lookers[lane.index()].left.contains(&position) && self.held.insert(position)
    }

    /// A message is settled or set aside.
    pub(super) fn leave(&mut self, position: u64) {
        if !self.held.remove(&position) {
            return;
        }
        for looker in &mut self.lookers {
            if looker.looking {
                looker.left.insert(position);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once_by_whatever_way_it_comes() {
        let mut hand = InHand::new(CrossLaneOrder::PerKey);
        hand.asked(Lane::Primary);
        assert!(hand.take(Lane::Backfill, 7));
        assert!(!hand.take(Lane::Primary, 7), "it is in hand");
        hand.leave(7);
        assert!(
            !hand.take(Lane::Primary, 7),
            "it was when the reader looked"
        );
        hand.answered(Lane::Primary);
        assert!(hand.take(Lane::Primary, 7), "its lease was lost since");
    }
}
