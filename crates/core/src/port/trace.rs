//! What was done with messages, as `events trace` tells it.
//!
//! A run of many backfill messages is one record, not one for each: they began together and are
//! committed together, so one row with their numbers says all there is to say about each.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::Lane;
use crate::settled::Settled;

use super::broker::{Place, Settlement, Subscription, Verdict};
use super::store::Position;

/// How a delivered message was handled; recorded by the commit that settles it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// When the run that it was part of began.
    pub started: Timestamp,
    /// How long the handlers of that run took.
    pub took: Duration,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// Why it was let go without a dead letter, if it was.
    pub dropped: Option<String>,
}

/// What a try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler did its work.
    Done,
    /// It failed, and is tried again.
    Retried,
    /// It failed, and went to the dead-letter queue.
    Dead,
    /// It failed, and was let go without a dead letter, as the configuration asks.
    Dropped,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Done, Self::Retried, Self::Dead, Self::Dropped];

    /// The number in a record.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Retried => 1,
            Self::Dead => 2,
            Self::Dropped => 3,
        }
    }

    /// The outcome with this number, if there is one.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.number() == number)
    }

    /// The outcome's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }
}

/// A try at a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which try it was, from 1; counted anew when a dead letter is replayed.
    pub number: u32,
    /// When its run began.
    pub started: Timestamp,
    /// How long the handlers of its run took.
    pub took: Duration,
    /// How many messages the run settled together, this one among them.
    pub together: u64,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Where a message stands in a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is in the flow of its lane; so many messages of its queue before it are not settled.
    Waiting {
        /// Messages of its queue before it that are not settled.
        before: u64,
    },
    /// It is set aside, to be tried again.
    Parked {
        /// When; `None` while it waits behind an earlier message with its key.
        due: Option<Timestamp>,
        /// How often it has failed.
        failures: u32,
        /// What the last failure said.
        error: String,
    },
    /// It was given up.
    Dead {
        /// The number of its dead letter.
        letter: u64,
        /// What the last failure said.
        error: String,
    },
    /// Nothing is left to do: it was handled, or forgotten on purpose.
    Settled,
}

/// What a subscription made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The message's position in the log.
    pub position: Position,
    /// The subscription.
    pub subscription: Subscription,
    /// The lane it came on.
    pub lane: Lane,
    /// Where it stands.
    pub state: State,
    /// The tries that are recorded, in their order.
    pub attempts: Vec<Attempt>,
}

/// The greatest distance between two numbers of one record: whoever looks for the records of a
/// message looks no further back.
pub const SPAN_MAX: u64 = 4_096;

/// How many records a message is compared with, newest first, before it opens one of its own. A run
/// is of few queues.
const COMPARED_MAX: usize = 8;

/// One row: what was done, in one run, with some messages of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose run it was.
    pub subscription: Subscription,
    /// The lane they came on.
    pub lane: Lane,
    /// Which messages.
    pub messages: Messages,
    /// What the run came to.
    pub outcome: Outcome,
    /// When it began, and how long it took; which try it was.
    pub handling: Handling,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// The messages of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Messages {
    /// Some of a queue.
    Queue {
        /// The queue.
        queue: u64,
        /// The first number.
        first: u64,
        /// The last number, less than [`SPAN_MAX`] after the first.
        last: u64,
        /// Which numbers, as in "5-9,12"; `None` when it is all of them.
        ranges: Option<String>,
    },
    /// One that was set aside; the log knows its queue.
    At(Position),
}

/// Gathers what is settled in one transaction into as few records as say it all.
#[derive(Debug, Default)]
pub struct Records {
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    record: Record,
    numbers: Vec<u64>,
}

impl Records {
    /// A message is settled.
    pub fn add(&mut self, settlement: &Settlement) {
        let Some(handling) = &settlement.handling else {
            return;
        };
        let (outcome, error) = match &settlement.verdict {
            Verdict::Done if handling.dropped.is_some() => {
                (Outcome::Dropped, handling.dropped.as_ref())
            }
            Verdict::Done | Verdict::Withdrawn => (Outcome::Done, None),
            Verdict::Park(parking) => (Outcome::Retried, Some(&parking.error)),
            Verdict::Dead(death) => (Outcome::Dead, Some(&death.error)),
        };
        let (messages, number) = match settlement.place {
            Place::Queue { queue, sequence } => {
                let messages = Messages::Queue {
                    queue,
                    first: sequence,
                    last: sequence,
                    ranges: None,
                };
                (messages, Some(sequence))
            }
            Place::Parked => (Messages::At(settlement.position), None),
        };
        if let (Outcome::Done, Some(number)) = (outcome, number)
            && let Some(open) = self.same_run(settlement, handling)
        {
            return open.numbers.push(number);
        }
        let record = Record {
            subscription: settlement.subscription.clone(),
            lane: settlement.lane,
            messages,
            outcome,
            handling: handling.clone(),
            error: error.cloned(),
        };
        let numbers = number.into_iter().collect();
        self.open.push(Open { record, numbers });
    }

    fn same_run(&mut self, settlement: &Settlement, handling: &Handling) -> Option<&mut Open> {
        let Place::Queue { queue, .. } = settlement.place else {
            return None;
        };
        let last = self.open.iter_mut().rev().take(COMPARED_MAX);
        last.filter(|open| open.record.outcome == Outcome::Done)
            .find(|open| {
                let record = &open.record;
                matches!(record.messages, Messages::Queue { queue: known, .. } if known == queue)
                    && record.handling == *handling
                    && record.lane == settlement.lane
                    && record.subscription == settlement.subscription
            })
    }

    /// The records.
    #[must_use]
    pub fn into_rows(self) -> Vec<Record> {
        let mut rows = Vec::with_capacity(self.open.len());
        for Open {
            record,
            mut numbers,
        } in self.open
        {
            let Messages::Queue { queue, .. } = record.messages else {
                rows.push(record);
                continue;
            };
            numbers.sort_unstable();
            let mut rest = &numbers[..];
            while let [first, ..] = rest {
                let count = rest.partition_point(|number| number - first < SPAN_MAX);
                let (own, others) = rest.split_at(count);
                rows.push(Record {
                    messages: numbered(queue, own),
                    ..record.clone()
                });
                rest = others;
            }
        }
        rows
    }
}

/// Numbers of a queue, in order, at least one.
fn numbered(queue: u64, numbers: &[u64]) -> Messages {
    let first = numbers.first().copied().unwrap_or_default();
    let last = numbers.last().copied().unwrap_or_default();
    let is_whole = last - first + 1 == numbers.len() as u64;
    Messages::Queue {
        queue,
        first,
        last,
        ranges: (!is_whole).then(|| ranges(numbers)),
    }
}

fn ranges(numbers: &[u64]) -> String {
    let mut text = String::new();
    for run in numbers.chunk_by(|one, next| *next == one + 1) {
        let separator = if text.is_empty() { "" } else { "," };
        let _ = match run {
            [first, .., last] => write!(text, "{separator}{first}-{last}"),
            [first] => write!(text, "{separator}{first}"),
            [] => Ok(()),
        };
    }
    text
}

/// How many messages a record between these numbers is about, if a number is one of them.
#[must_use]
pub fn together(number: u64, (first, last): (u64, u64), ranges: Option<&str>) -> Option<u64> {
    let Some(ranges) = ranges else {
        return (first..=last).contains(&number).then(|| last - first + 1);
    };
    let numbers = Settled::parse(0, ranges).ok()?;
    numbers.contains(number).then(|| numbers.ahead_count())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::port::broker::Parking;

    fn settlement(sequence: u64, started: i64, verdict: Verdict) -> Settlement {
        Settlement {
            subscription: Subscription::new("Handler", "shop::book"),
            lane: Lane::Backfill,
            place: Place::Queue { queue: 7, sequence },
            position: Position(sequence + 100),
            verdict,
            handling: Some(Handling {
                started: Timestamp::from_second(started).unwrap(),
                took: Duration::from_millis(5),
                attempt: 1,
                dropped: None,
            }),
        }
    }

    fn rows(settlements: &[Settlement]) -> Vec<Record> {
        let mut records = Records::default();
        settlements.iter().for_each(|one| records.add(one));
        records.into_rows()
    }

    fn numbers(row: &Record) -> (u64, u64, Option<&str>) {
        match &row.messages {
            Messages::Queue {
                first,
                last,
                ranges,
                ..
            } => (*first, *last, ranges.as_deref()),
            Messages::At(position) => (position.0, position.0, None),
        }
    }

    #[test]
    fn a_run_is_one_record_however_many_it_settles() {
        let run: Vec<_> = (1..=500)
            .map(|nth| settlement(nth, 1, Verdict::Done))
            .collect();
        let rows = rows(&run);
        assert_eq!(
            rows.iter().map(numbers).collect::<Vec<_>>(),
            [(1, 500, None)]
        );
        assert_eq!(together(500, (1, 500), None), Some(500));
        assert_eq!(together(501, (1, 500), None), None);
    }

    #[test]
    fn what_failed_was_set_aside_or_is_of_another_run_stands_alone() {
        let parking = Parking {
            due: None,
            failures: 1,
            failed_first: None,
            error: "away".to_owned(),
        };
        let mut aside = settlement(2, 1, Verdict::Done);
        aside.place = Place::Parked;
        let mut silent = settlement(9, 1, Verdict::Done);
        silent.handling = None;
        let all = [
            settlement(3, 1, Verdict::Done),
            settlement(4, 1, Verdict::Park(parking)),
            aside,
            silent,
            settlement(5, 1, Verdict::Done),
            settlement(6, 2, Verdict::Done),
        ];
        let rows = rows(&all);
        let told: Vec<_> = rows.iter().map(|row| (numbers(row), row.outcome)).collect();
        let expected = [
            ((3, 5, Some("3,5")), Outcome::Done),
            ((4, 4, None), Outcome::Retried),
            ((102, 102, None), Outcome::Done),
            ((6, 6, None), Outcome::Done),
        ];
        assert_eq!(told, expected);
        assert_eq!(rows[1].error.as_deref(), Some("away"));
        assert_eq!(together(5, (3, 5), Some("3,5")), Some(2));
        assert_eq!(together(4, (3, 5), Some("3,5")), None);
    }

    proptest! {
        #[test]
        fn every_message_is_in_one_record_of_its_run(
            settled in proptest::collection::hash_map(1..20_000_u64, 1..4_i64, 1..200)
        ) {
            let all: Vec<_> = settled
                .iter()
                .map(|(number, run)| settlement(*number, *run, Verdict::Done))
                .collect();
            let rows = rows(&all);
            for (number, run) in &settled {
                let mut holding = rows.iter().filter(|row| {
                    let (first, last, ranges) = numbers(row);
                    first <= *number
                        && *number - first < SPAN_MAX
                        && together(*number, (first, last), ranges).is_some()
                });
                let own = holding.next().unwrap();
                prop_assert_eq!(own.handling.started.as_second(), *run);
                prop_assert!(holding.next().is_none());
            }
        }
    }
}
