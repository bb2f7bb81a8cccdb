//! What a feed has handed out and not heard to be settled.

use std::collections::HashMap;

use protean_core::port::broker::Place;

/// What a feed has in its hands, and the leases under which it has it.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    held: HashMap<(u64, u64), Option<i64>>,
    leases: HashMap<i64, usize>,
    /// Leases of which everything is settled.
    done: Vec<i64>,
}

impl Hand {
    /// Takes a message of a queue, under a lease if there is one; `false` when it is in hand.
    pub(crate) fn take(&mut self, queue: u64, sequence: u64, lease: Option<i64>) -> bool {
        if self.held.contains_key(&(queue, sequence)) {
            return false;
        }
        self.held.insert((queue, sequence), lease);
        if let Some(lease) = lease {
            *self.leases.entry(lease).or_default() += 1;
        }
        true
    }

    /// Whether a message is in hand.
    pub(crate) fn holds(&self, queue: u64, sequence: u64) -> bool {
        self.held.contains_key(&(queue, sequence))
    }

    /// A lease was taken of which nothing is to be done any more.
    pub(crate) fn empty(&mut self, lease: i64) {
        if !self.leases.contains_key(&lease) {
            self.done.push(lease);
        }
    }

    /// A message is settled.
    pub(crate) fn settled(&mut self, place: Place) {
        let Place::Queue { queue, sequence } = place else {
            return;
        };
        let Some(Some(lease)) = self.held.remove(&(queue, sequence)) else {
            return;
        };
        if let Some(left) = self.leases.get_mut(&lease) {
            *left -= 1;
            if *left == 0 {
                self.leases.remove(&lease);
                self.done.push(lease);
            }
        }
    }

    /// The leases of which everything is settled, to be given back.
    pub(crate) fn take_done(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.done)
    }

    /// Leases that could not be given back, to be tried again.
    pub(crate) fn return_done(&mut self, leases: Vec<i64>) {
        self.done.extend(leases);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sequence: u64) -> Place {
        Place::Queue { queue: 1, sequence }
    }

    #[test]
    fn a_lease_is_done_when_all_of_it_is_settled() {
        let mut hand = Hand::default();
        assert!(hand.take(1, 5, Some(9)) && hand.take(1, 6, Some(9)));
        assert!(!hand.take(1, 6, Some(9)), "it is in hand already");
        hand.settled(place(6));
        assert!(hand.holds(1, 5) && !hand.holds(1, 6));
        assert!(hand.take_done().is_empty());
        hand.settled(place(5));
        hand.settled(place(5));
        assert_eq!(hand.take_done(), [9]);
        assert!(!hand.holds(1, 5));
    }

    #[test]
    fn a_lease_with_nothing_in_it_is_done_at_once() {
        let mut hand = Hand::default();
        hand.empty(3);
        hand.take(1, 1, Some(4));
        hand.empty(4);
        assert_eq!(hand.take_done(), [3]);
    }
}
