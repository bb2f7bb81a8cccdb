//! When a handler fails for everything, its messages are better left alone than used up.
//!
//! An outage of what a handler needs would send message after message through its tries into the
//! dead-letter queue. A breaker sees that different messages fail in a row, over some time, in a
//! way that says nothing about the messages, and holds the subscription: both lanes wait, but for
//! one message at a time that finds out whether it is over. That one is asked, not judged: a probe
//! that fails is none of its message's tries, so that no outage is long enough to use one up. A
//! message that fails for its own sake never opens a breaker, however often it is tried (L10).

use std::time::Duration;

/// So many tries in a row have to have failed: with fewer it is chance.
const FAILURES_MIN: u32 = 10;

/// So many different messages, or keys, have to be among them: a few bad ones are no outage.
const MESSAGES_MIN: usize = 5;

/// For so long they have to have failed: what is over sooner costs each message one try. It is less
/// than the delay before the second try, so that no message has lost more.
const LASTING: Duration = Duration::from_millis(500);

/// How long the subscription is left alone before one message is tried, at first and at most: a
/// handler that works again is noticed within half a minute.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How a subscription is left alone, by the scheduler's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// Since when.
    pub since: Duration,
    /// When one message may try; `None` while one does.
    pub probe: Option<Duration>,
}

/// The breaker of one subscription.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Messages run.
    Closed(Row),
    /// Messages wait; one may try from then on.
    Open {
        since: Duration,
        until: Duration,
        pause: Duration,
    },
    /// Messages wait; one tries.
    Probing { since: Duration, pause: Duration },
}

/// What has failed since something was handled.
#[derive(Clone, Debug, Default)]
struct Row {
    failures: u32,
    since: Option<Duration>,
    /// Different messages among them, no more than are asked for.
    messages: Vec<u64>,
}

impl Row {
    fn add(&mut self, now: Duration, message: u64) {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        if self.messages.len() < MESSAGES_MIN && !self.messages.contains(&message) {
            self.messages.push(message);
        }
    }

    fn is_outage(&self, now: Duration) -> bool {
        let lasting = self
            .since
            .map_or(Duration::ZERO, |since| now - since.min(now));
        self.failures >= FAILURES_MIN && self.messages.len() >= MESSAGES_MIN && lasting >= LASTING
    }
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self {
            state: State::Closed(Row::default()),
        }
    }

    /// Whether messages run as they come.
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Since when messages wait, and until when; `None` while they run as they come.
    pub(super) const fn left_alone(&self) -> Option<LeftAlone> {
        match self.state {
            State::Closed(_) => None,
            State::Open { since, until, .. } => Some(LeftAlone {
                since,
                probe: Some(until),
            }),
            State::Probing { since, .. } => Some(LeftAlone { since, probe: None }),
        }
    }

    /// How many messages may start now.
    pub(super) fn room(&self, now: Duration) -> usize {
        match self.state {
            State::Closed(_) => usize::MAX,
            State::Open { until, .. } => usize::from(until <= now),
            State::Probing { .. } => 0,
        }
    }

    /// When a message may try, if all wait for that.
    pub(super) const fn until(&self) -> Option<Duration> {
        match self.state {
            State::Open { until, .. } => Some(until),
            State::Closed(_) | State::Probing { .. } => None,
        }
    }

    /// A run starts; whether it finds out that messages may run again.
    pub(super) fn started(&mut self) -> bool {
        let State::Open { since, pause, .. } = self.state else {
            return false;
        };
        self.state = State::Probing { since, pause };
        true
    }

    /// A handler did its work.
    pub(super) fn handled(&mut self) {
        *self = Self::new();
    }

    /// A message, or one with this key, failed in a way that says nothing about it.
    pub(super) fn failed(&mut self, now: Duration, message: u64) {
        let (since, pause) = match &mut self.state {
            State::Closed(row) => {
                row.add(now, message);
                if !row.is_outage(now) {
                    return;
                }
                (now, PAUSE)
            }
            // A run that began before.
            State::Open { .. } => return,
            State::Probing { since, pause } => (*since, (*pause * 2).min(PAUSE_MAX)),
        };
        let until = now.saturating_add(pause);
        self.state = State::Open {
            since,
            until,
            pause,
        };
    }

    /// A run ended; it may have said nothing, and then another message tries.
    pub(super) fn ended(&mut self, now: Duration) {
        if let State::Probing { since, pause } = self.state {
            self.state = State::Open {
                since,
                until: now,
                pause,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// One that has seen an outage, and when.
    fn open() -> (Breaker, Duration) {
        let mut breaker = Breaker::new();
        for nth in 0..=10 {
            assert!(breaker.is_closed());
            breaker.failed(millis(nth * 50), nth % 5);
        }
        (breaker, millis(500))
    }

    #[test]
    fn different_messages_that_fail_for_a_while_open_it() {
        let (breaker, now) = open();
        assert_eq!(
            (breaker.room(now), breaker.until()),
            (0, Some(millis(1_500)))
        );
        let left_alone = LeftAlone {
            since: now,
            probe: Some(millis(1_500)),
        };
        assert_eq!(breaker.left_alone(), Some(left_alone));
    }

    #[test]
    fn it_takes_many_failures_over_a_while_and_nothing_handled() {
        let mut short = Breaker::new();
        (0..1_000).for_each(|nth| short.failed(millis(nth / 3), nth));
        assert!(short.is_closed(), "not for long");
        let mut few = Breaker::new();
        (0..9).for_each(|nth| few.failed(millis(nth * 1_000), nth));
        assert!(few.is_closed(), "not many");
        few.handled();
        few.failed(millis(9_000), 9);
        assert!(few.is_closed(), "something was handled");
    }

    #[test]
    fn one_message_at_a_time_finds_out_whether_it_is_over() {
        let (mut breaker, _) = open();
        let mut now = millis(500);
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(breaker.room(now + millis(pause * 1_000 - 1)), 0);
            now += millis(pause * 1_000);
            assert_eq!(breaker.room(now), 1);
            assert!(breaker.started(), "it is a probe");
            assert_eq!(breaker.room(now), 0);
            let since = millis(500);
            let left_alone = LeftAlone { since, probe: None };
            assert_eq!(breaker.left_alone(), Some(left_alone));
            breaker.failed(now, 77);
            breaker.ended(now);
        }
        breaker.started();
        breaker.ended(now);
        assert_eq!(
            breaker.room(now),
            1,
            "a run that said nothing leaves it to the next"
        );
        breaker.started();
        breaker.handled();
        breaker.ended(now);
        assert_eq!(breaker.room(now), usize::MAX);
        assert_eq!(breaker.left_alone(), None);
        assert!(!breaker.started(), "it is a run like any other");
    }

    #[derive(Clone, Debug)]
    enum Step {
        Failed(u64),
        Handled,
        Started,
        Ended,
    }

    fn steps(messages: u64) -> impl Strategy<Value = Vec<(u64, Step)>> {
        let step = prop_oneof![
            8 => (0..messages).prop_map(Step::Failed),
            1 => Just(Step::Handled),
            2 => Just(Step::Started),
            2 => Just(Step::Ended),
        ];
        proptest::collection::vec((0..400_u64, step), 0..200)
    }

    fn step(breaker: &mut Breaker, now: Duration, step: &Step) {
        match step {
            Step::Failed(message) => breaker.failed(now, *message),
            Step::Handled => breaker.handled(),
            Step::Started if breaker.room(now) > 0 => drop(breaker.started()),
            Step::Started => {}
            Step::Ended => breaker.ended(now),
        }
    }

    proptest! {
        #[test]
        fn l10_a_few_bad_messages_never_open_it(steps in steps(4)) {
            let (mut breaker, mut now) = (Breaker::new(), Duration::ZERO);
            for (wait, one) in &steps {
                now += millis(*wait);
                step(&mut breaker, now, one);
                prop_assert!(breaker.is_closed());
            }
        }

        #[test]
        fn something_runs_again_within_the_longest_pause(steps in steps(40)) {
            let (mut breaker, mut now) = (Breaker::new(), Duration::ZERO);
            for (wait, one) in &steps {
                now += millis(*wait);
                step(&mut breaker, now, one);
                let mut later = breaker.clone();
                later.ended(now);
                prop_assert!(later.room(now + PAUSE_MAX) > 0);
                prop_assert!(breaker.is_closed() || breaker.room(now) <= 1);
                if matches!(one, Step::Handled) {
                    prop_assert!(breaker.is_closed());
                }
            }
        }
    }
}
