//! Transactions: what a message's handling wants written, with its settlement.

use std::collections::BTreeMap;
use std::time::Duration;

use protean_core::port::broker::Place;
use protean_core::settled::Settled;

use super::{Parked, Store};
use crate::invariants::{l8_order, l9_exactly_once, l10_poison};
use crate::message::{Delivery, Draft};

/// What one message's handling wants written.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) subscription: usize,
    pub(crate) delivery: Delivery,
    pub(crate) verdict: Verdict,
    pub(crate) drafts: Vec<Draft>,
    /// It must not be written when an earlier one of its batch was refused.
    pub(crate) dependent: bool,
    /// Another writer was faster.
    pub(crate) contested: bool,
}

/// What becomes of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    Park {
        due: Duration,
        failures: u32,
        owner: Option<u64>,
    },
    Dead,
}

/// Why a commit was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Settled,
    Dependent,
    Conflict,
    Away,
}

/// Which part of commits is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    Settlement,
    Effect,
}

impl Store {
    /// Writes commits, all or none; if none, those that are refused, by their numbers.
    pub(crate) fn transact(
        &mut self,
        now: Duration,
        commits: &[Commit],
        part: Part,
    ) -> Result<(), Vec<(usize, Refused)>> {
        let mut cursors: BTreeMap<(usize, u64), Settled> = BTreeMap::new();
        let mut refused = Vec::new();
        for (nth, commit) in commits.iter().enumerate() {
            if commit.contested {
                refused.push((nth, Refused::Conflict));
            } else if part != Part::Effect && !self.settle(commit, &mut cursors) {
                refused.push((nth, Refused::Settled));
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        for commit in commits {
            l10_poison::check_verdict(self, commit);
        }
        if part != Part::Effect {
            for commit in commits {
                l8_order::check_settling(self, commit, commits);
            }
            self.cursors.extend(cursors);
        }
        for commit in commits {
            self.write(now, commit, part);
        }
        for commit in commits {
            l9_exactly_once::check_written(self, commit.subscription, &commit.delivery.logged);
        }
        self.flush();
        Ok(())
    }

    /// Settles a message; `false` when it was settled before.
    fn settle(&self, commit: &Commit, cursors: &mut BTreeMap<(usize, u64), Settled>) -> bool {
        let subscription = commit.subscription;
        match commit.delivery.place {
            Place::Queue { queue, sequence } => {
                let cursor = cursors
                    .entry((subscription, queue))
                    .or_insert_with(|| self.settled(subscription, queue));
                cursor.settle(sequence) || self.is_planted(crate::Planted::SettledTwice)
            }
            Place::Parked => self.is_parked(subscription, commit.delivery.logged.id),
        }
    }

    fn write(&mut self, now: Duration, commit: &Commit, part: Part) {
        let place = (commit.subscription, commit.delivery.logged.id);
        if part != Part::Effect {
            if commit.delivery.place == Place::Parked {
                self.parked.remove(&place);
            }
            match commit.verdict {
                Verdict::Done => {}
                Verdict::Dead => *self.dead.entry(place).or_default() += 1,
                Verdict::Park {
                    due,
                    failures,
                    owner,
                } => {
                    let parked = Parked {
                        due,
                        failures,
                        owner,
                    };
                    self.parked.insert(place, parked);
                }
            }
        }
        if part != Part::Settlement {
            if commit.verdict == Verdict::Done {
                *self.effects.entry(place).or_default() += 1;
            }
            for draft in &commit.drafts {
                self.append(now, *draft);
            }
        }
        let over = match commit.verdict {
            Verdict::Done => part != Part::Settlement,
            Verdict::Dead => part != Part::Effect,
            Verdict::Park { .. } => false,
        };
        if over {
            self.watch.over();
        }
    }
}
