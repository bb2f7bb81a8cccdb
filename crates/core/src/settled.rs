//! Sets of numbers that are mostly runs: what a subscription has settled of a queue.

use std::fmt;
use std::str::FromStr;

/// The numbers settled on one queue: all up to a cursor, and some ranges beyond it.
///
/// Settling in order moves the cursor and costs nothing else. A message that is skipped for a
/// while leaves one range behind it, however many are settled after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    upto: u64,
    ahead: Vec<(u64, u64)>,
}

/// A text that is no list of ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[PE0208] expected ranges such as \"5-9,12\", found \"{found}\"")]
pub struct ParseError {
    found: String,
}

impl Settled {
    /// What a cursor row says: everything up to a number, and ranges beyond it.
    ///
    /// # Errors
    /// When the text is no list of ranges in order.
    pub fn parse(upto: u64, ahead: &str) -> Result<Self, ParseError> {
        let error = || ParseError {
            found: ahead.to_owned(),
        };
        let mut settled = Self {
            upto,
            ahead: Vec::new(),
        };
        for range in ahead.split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text| u64::from_str(text).map_err(|_| error());
            settled.ahead.push((number(first)?, number(last)?));
        }
        let in_order = settled.ahead.iter().all(|(first, last)| first <= last)
            && settled.ahead.is_sorted_by(|one, next| one.1 < next.0);
        if in_order { Ok(settled) } else { Err(error()) }
    }

    /// All numbers up to this one are settled.
    #[must_use]
    pub const fn upto(&self) -> u64 {
        self.upto
    }

    /// How many are settled beyond that.
    #[must_use]
    pub fn ahead_count(&self) -> u64 {
        self.ahead
            .iter()
            .map(|(first, last)| last - first + 1)
            .sum()
    }

    /// How many numbers before this one are not settled.
    #[must_use]
    pub fn unsettled_before(&self, number: u64) -> u64 {
        let before = self.ahead.iter().take_while(|(first, _)| *first < number);
        let settled: u64 = before
            .map(|(first, last)| (*last).min(number - 1) - first + 1)
            .sum();
        number.saturating_sub(self.upto + 1).saturating_sub(settled)
    }

    /// Whether a number is settled.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.run_end(number).is_some()
    }

    /// The last number of the run that a number is in, if it is settled.
    #[must_use]
    pub fn run_end(&self, number: u64) -> Option<u64> {
        if number <= self.upto {
            return Some(self.upto);
        }
        let at = self.ahead.partition_point(|(_, last)| *last < number);
        let run = self.ahead.get(at).filter(|(first, _)| *first <= number);
        run.map(|(_, last)| *last)
    }

    /// Settles a number; `false` when it was settled before.
    pub fn settle(&mut self, number: u64) -> bool {
        if self.contains(number) {
            return false;
        }
        let at = self.ahead.partition_point(|(_, last)| *last < number);
        self.ahead.insert(at, (number, number));
        self.join(at);
        if let Some((first, last)) = self.ahead.first().copied()
            && first == self.upto + 1
        {
            self.upto = last;
            self.ahead.remove(0);
        }
        true
    }

    /// Joins a range with its neighbours.
    fn join(&mut self, at: usize) {
        if let Some(next) = self.ahead.get(at + 1).copied()
            && self.ahead[at].1 + 1 == next.0
        {
            self.ahead[at].1 = next.1;
            self.ahead.remove(at + 1);
        }
        if at > 0 && self.ahead[at - 1].1 + 1 == self.ahead[at].0 {
            self.ahead[at - 1].1 = self.ahead[at].1;
            self.ahead.remove(at);
        }
    }
}

/// The ranges beyond the cursor, as the cursor row keeps them.
impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (first, last)) in self.ahead.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "," };
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn settling_in_order_moves_the_cursor_alone() {
        let mut settled = Settled::default();
        assert!((1..=100).all(|number| settled.settle(number)));
        assert_eq!((settled.upto(), settled.to_string().as_str()), (100, ""));
        assert!(!settled.settle(100));
    }

    #[test]
    fn a_gap_leaves_one_range() {
        let mut settled = Settled::parse(10, "").unwrap();
        for number in [12, 14, 13, 20] {
            assert!(settled.settle(number));
        }
        assert_eq!(
            (settled.upto(), settled.to_string().as_str()),
            (10, "12-14,20")
        );
        assert_eq!(settled.ahead_count(), 4);
        assert_eq!(
            [10, 11, 12, 16, 30].map(|it| settled.unsettled_before(it)),
            [0, 0, 1, 2, 15]
        );
        assert!(settled.settle(11));
        assert_eq!((settled.upto(), settled.to_string().as_str()), (14, "20"));
    }

    #[test]
    fn what_is_no_list_of_ranges_is_refused() {
        for text in ["x", "3-", "5-4", "7,6", "1-5,3"] {
            assert!(Settled::parse(0, text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_a_set(numbers in proptest::collection::vec(1..60_u64, 0..120)) {
            let mut settled = Settled::default();
            let mut model = BTreeSet::new();
            for number in numbers {
                prop_assert_eq!(settled.settle(number), model.insert(number));
                settled = Settled::parse(settled.upto(), &settled.to_string()).unwrap();
                for number in 1..60 {
                    prop_assert_eq!(settled.contains(number), model.contains(&number));
                    let end = (number..).take_while(|next| model.contains(next)).last();
                    prop_assert_eq!(settled.run_end(number), end);
                }
                prop_assert_eq!(settled.upto() + settled.ahead_count(), model.len() as u64);
                prop_assert!(!settled.contains(settled.upto() + 1));
            }
        }
    }
}
