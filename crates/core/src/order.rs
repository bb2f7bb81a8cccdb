//! Order by key, when several processes share a subscription (L8): which messages may be handed out.
//!
//! Plain decisions on what a feed has learnt; adapters and simulations use the same.

use std::collections::{HashMap, HashSet};

use crate::hand::Hand;
use crate::settled::Settled;

/// A message, as far as the order of its key is concerned.
pub trait Keyed {
    /// The queue it is in.
    fn queue(&self) -> u64;

    /// Its number there.
    fn sequence(&self) -> u64;

    /// The number of the last message before it in its queue with the same key.
    fn previous(&self) -> Option<u64>;

    /// Its key.
    fn key(&self) -> Option<&str>;
}

/// Whether nothing before a message is in other hands; `known` is what is settled of its queue.
#[must_use]
pub fn is_free<M: Keyed>(one: &M, hand: &Hand, known: &Settled) -> bool {
    one.previous()
        .is_none_or(|previous| known.contains(previous) || hand.holds(one.queue(), previous))
}

/// Parts messages into those that are free, and those that wait for one before them that is in
/// other hands; both in the order given. `settled` is what is settled of each queue, and `parked`
/// are the keys that have a message set aside by somebody else.
#[must_use]
pub fn part<M: Keyed>(
    candidates: Vec<M>,
    hand: &Hand,
    settled: &HashMap<u64, Settled>,
    parked: &HashSet<String>,
) -> (Vec<M>, Vec<M>) {
    let nothing = Settled::default();
    let mut blocked: HashSet<String> = HashSet::new();
    let mut chosen: HashSet<(u64, u64)> = HashSet::new();
    let (mut free, mut waiting) = (Vec::new(), Vec::new());
    for one in candidates {
        let Some(key) = one.key() else {
            free.push(one);
            continue;
        };
        let known = settled.get(&one.queue()).unwrap_or(&nothing);
        let follows = one
            .previous()
            .is_some_and(|previous| chosen.contains(&(one.queue(), previous)));
        let open = is_free(&one, hand, known) || follows;
        if open && !blocked.contains(key) && !parked.contains(key) {
            chosen.insert((one.queue(), one.sequence()));
            free.push(one);
        } else {
            blocked.insert(key.to_owned());
            waiting.push(one);
        }
    }
    (free, waiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One(u64, Option<u64>, Option<&'static str>);

    impl Keyed for One {
        fn queue(&self) -> u64 {
            1
        }

        fn sequence(&self) -> u64 {
            self.0
        }

        fn previous(&self) -> Option<u64> {
            self.1
        }

        fn key(&self) -> Option<&str> {
            self.2
        }
    }

    fn parted(hand: &Hand, parked: &[&str]) -> (Vec<u64>, Vec<u64>) {
        let candidates = vec![
            One(4, Some(3), Some("a")),
            One(5, Some(2), Some("b")),
            One(6, None, None),
            One(7, Some(4), Some("a")),
            One(8, Some(5), Some("b")),
        ];
        let settled = HashMap::from([(1, Settled::parse(2, "").unwrap())]);
        let parked = parked.iter().map(|key| (*key).to_owned()).collect();
        let (free, waiting) = part(candidates, hand, &settled, &parked);
        let numbers = |all: Vec<One>| all.iter().map(|one| one.0).collect();
        (numbers(free), numbers(waiting))
    }

    #[test]
    fn a_key_waits_for_what_is_in_other_hands_and_no_other_key_does() {
        let mut hand = Hand::default();
        assert_eq!(parted(&hand, &[]), (vec![5, 6, 8], vec![4, 7]));
        assert!(hand.take(1, 3, None));
        assert_eq!(parted(&hand, &[]), (vec![4, 5, 6, 7, 8], vec![]));
    }

    #[test]
    fn a_key_waits_for_what_somebody_else_set_aside() {
        let hand = Hand::default();
        assert_eq!(parted(&hand, &["b"]), (vec![6], vec![4, 5, 7, 8]));
    }
}
