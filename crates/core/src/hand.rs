//! What a feed has handed out and not heard to be settled.

use std::collections::HashMap;

use crate::port::broker::Place;

/// What a feed has in its hands, and the leases under which it has it.
#[derive(Debug, Default)]
pub struct Hand {
    held: HashMap<(u64, u64), Option<i64>>,
    leases: HashMap<i64, usize>,
    /// Leases of which everything is settled.
    done: Vec<i64>,
}

impl Hand {
    /// Takes a message of a queue, under a lease if there is one; `false` when it is in hand. Then
    /// it is under the new lease from now on: the old one may be lost, and whoever takes over from
    /// this process finds it by the new one.
    pub fn take(&mut self, queue: u64, sequence: u64, lease: Option<i64>) -> bool {
        let known = self.held.get(&(queue, sequence)).copied();
        if known.is_some() && lease.is_none() {
            return false;
        }
        if let Some(lease) = lease {
            *self.leases.entry(lease).or_default() += 1;
        }
        self.held.insert((queue, sequence), lease);
        if let Some(Some(old)) = known {
            self.leave(old);
        }
        known.is_none()
    }

    /// One message less is under a lease.
    fn leave(&mut self, lease: i64) {
        if let Some(left) = self.leases.get_mut(&lease) {
            *left -= 1;
            if *left == 0 {
                self.leases.remove(&lease);
                self.done.push(lease);
            }
        }
    }

    /// Whether a message is in hand.
    #[must_use]
    pub fn holds(&self, queue: u64, sequence: u64) -> bool {
        self.held.contains_key(&(queue, sequence))
    }

    /// The leases that are not given back.
    #[must_use]
    pub fn leases(&self) -> Vec<i64> {
        self.leases.keys().chain(&self.done).copied().collect()
    }

    /// A lease was taken of which nothing is to be done any more.
    pub fn empty(&mut self, lease: i64) {
        if !self.leases.contains_key(&lease) {
            self.done.push(lease);
        }
    }

    /// A message is settled.
    pub fn settled(&mut self, place: Place) {
        let Place::Queue { queue, sequence } = place else {
            return;
        };
        if let Some(Some(lease)) = self.held.remove(&(queue, sequence)) {
            self.leave(lease);
        }
    }

    /// The leases of which everything is settled, to be given back.
    #[must_use]
    pub fn take_done(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.done)
    }

    /// Leases that could not be given back, to be tried again.
    pub fn return_done(&mut self, leases: Vec<i64>) {
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
    fn what_is_in_hand_goes_under_a_new_lease() {
        let mut hand = Hand::default();
        assert!(hand.take(1, 5, None) && hand.take(1, 6, Some(9)));
        for sequence in [5, 6] {
            assert!(!hand.take(1, sequence, Some(11)), "it is in hand already");
        }
        hand.empty(11);
        assert_eq!(hand.take_done(), [9], "the new one is needed");
        assert!(!hand.take(1, 5, None));
        hand.settled(place(5));
        assert!(hand.take_done().is_empty());
        hand.settled(place(6));
        assert_eq!(hand.take_done(), [11]);
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
