//! Transactions: what a message's handling wants written, with its settlement.

use std::collections::BTreeMap;
use std::time::Duration;

use protean_core::port::broker::Place;
use protean_core::settled::Settled;

use super::{Parked, Store};
use crate::invariants::{l8_order, l9_exactly_once, l10_poison};
use crate::message::{Delivery, Draft};
use crate::planted::Planted;

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
    /// What subscriptions that are up to date do with the first draft, if it is as they believe.
    pub(crate) along: Vec<Along>,
}

/// A subscription's work on a message that goes along with the commit that writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Along {
    pub(crate) subscription: usize,
    /// Up to where it was known to be when the work began, and when that was.
    pub(crate) since: u64,
    pub(crate) began: Duration,
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
            let going = part == Part::All && self.goes_along(commit);
            self.write(now, commit, part);
            if going {
                self.settle_along(now, commit);
            }
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
            self.over_at.insert(place, now);
            self.watch.over();
        }
    }

    /// Whether what goes along with a commit does: its subscriptions have nothing before the draft
    /// that the commit is about to write, and have seen what came of its key.
    fn goes_along(&mut self, commit: &Commit) -> bool {
        let Some(draft) = commit.drafts.first() else {
            return false;
        };
        let nth = self.queue_of(draft.stream, draft.lane, draft.band);
        let queue = &self.queues[nth];
        let (id, head) = (queue.id, queue.head());
        let last = draft
            .key
            .and_then(|key| queue.last_of_key.get(key).copied());
        let goes = |along: &Along| {
            let cursor = self.settled(along.subscription, id);
            let is_next = cursor.upto() == head && cursor.ahead_count() == 0;
            let seen = last.is_none_or(|last| last <= along.since);
            let has_seen = seen || self.is_planted(Planted::AlongUnseen);
            let parked = self.parked.keys().any(|(of, _)| *of == along.subscription);
            let parked = parked && !self.is_planted(Planted::AlongPastParked);
            is_next && has_seen && !parked && !along.contested
        };
        !commit.along.is_empty() && commit.along.iter().all(goes)
    }

    /// Settles the message that a commit has just written for those that it went along with.
    fn settle_along(&mut self, now: Duration, commit: &Commit) {
        let nth = self.messages.len() - commit.drafts.len();
        let logged = self.messages[nth];
        for along in &commit.along {
            l8_order::check_along(self, *along, &logged);
            let place = (along.subscription, logged.id);
            let cursor = (along.subscription, logged.queue);
            self.cursors
                .entry(cursor)
                .or_default()
                .settle(logged.sequence);
            *self.effects.entry(place).or_default() += 1;
            self.over_at.insert(place, now);
            self.watch.over();
            l9_exactly_once::check_written(self, along.subscription, &logged);
        }
    }

    /// How far the subscriptions are that commits were about, on the queues that they moved on; none
    /// where something is settled beyond that.
    pub(crate) fn moved(&self, commits: &[Commit]) -> Vec<((usize, u64), Option<u64>)> {
        let own = commits
            .iter()
            .map(|one| (one.subscription, one.delivery.logged.queue));
        let along = commits.iter().flat_map(|one| {
            let queues = self.queues.iter().map(|queue| queue.id);
            let of = |queue| {
                one.along
                    .iter()
                    .map(move |along| (along.subscription, queue))
            };
            queues.flat_map(of)
        });
        let upto = |key: (usize, u64)| {
            let cursor = self.settled(key.0, key.1);
            (key, (cursor.ahead_count() == 0).then(|| cursor.upto()))
        };
        own.chain(along).map(upto).collect()
    }

    /// The queue that a draft goes to, if there is one.
    pub(crate) fn known_queue(&self, draft: &Draft) -> Option<u64> {
        let mut queues = self.queues.iter();
        let of = |queue: &&super::Queue| {
            (queue.stream, queue.lane, queue.band) == (draft.stream, draft.lane, draft.band)
        };
        queues.find(of).map(|queue| queue.id)
    }

    /// When a subscription was done with a message.
    pub(crate) fn over_at(&self, subscription: usize, id: usize) -> Option<Duration> {
        self.over_at.get(&(subscription, id)).copied()
    }
}
