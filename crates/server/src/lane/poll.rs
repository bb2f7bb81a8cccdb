//! What the scheduler does next.

use std::time::Duration;

use protean_core::Lane;

use super::{Action, Item, Run, Scheduler, WAITING_MAX};

impl<T> Scheduler<T> {
    /// The next thing to do; `None` when there is nothing until something happens.
    pub fn poll(&mut self, now: Duration) -> Option<Action<T>> {
        if self.stopping {
            return None;
        }
        self.now = self.now.max(now);
        self.throttles.fill(now);
        self.poll_parked(now)
            .or_else(|| self.poll_fetch(Lane::Primary))
            .or_else(|| self.poll_primary())
            .or_else(|| self.poll_fetch(Lane::Backfill))
            .or_else(|| self.poll_backfill())
    }

    fn poll_parked(&mut self, now: Duration) -> Option<Action<T>> {
        for subscription in 0..self.subscriptions.len() {
            for lane in Lane::ALL {
                if !self.may_return(subscription, lane) {
                    continue;
                }
                if let Some((position, key)) = self.lane(subscription, lane).queue.take_due(now) {
                    return Some(Action::FetchParked {
                        subscription,
                        lane,
                        position,
                        key,
                    });
                }
            }
        }
        None
    }

    fn poll_fetch(&mut self, lane: Lane) -> Option<Action<T>> {
        for (subscription, known) in self.subscriptions.iter_mut().enumerate() {
            let buffer_max = match lane {
                Lane::Primary => self.limits.buffer_max,
                Lane::Backfill => self
                    .limits
                    .buffer_max
                    .min(self.throttles.read_ahead(subscription)),
            };
            if buffer_max == 0 {
                continue;
            }
            let state = &mut known.lanes[lane.index()];
            // Half a buffer at a time: large reads, and never an empty buffer in between.
            // Those behind a message that is set aside must not keep the others out (L10).
            let going = state.queue.held() - state.queue.waiting();
            let room = buffer_max.saturating_sub(going);
            let fits = room * 2 >= buffer_max && state.queue.waiting() < WAITING_MAX;
            if known.claimed && fits && state.supply.take() {
                return Some(Action::Fetch {
                    subscription,
                    lane,
                    count_max: room,
                });
            }
        }
        None
    }

    fn poll_primary(&mut self) -> Option<Action<T>> {
        if self.free[Lane::Primary.index()] == 0 {
            return None;
        }
        let may_run = |nth: usize| self.breakers[nth].room(self.now) > 0;
        let subscription = self.most_urgent(Lane::Primary, may_run)?;
        let item = self.lane(subscription, Lane::Primary).queue.take()?;
        Some(self.start(subscription, Lane::Primary, vec![item]))
    }

    fn poll_backfill(&mut self) -> Option<Action<T>> {
        if self.free[Lane::Backfill.index()] <= self.withheld {
            return None;
        }
        let holds_back = self.is_resting() || self.primary_is_ready();
        let room = |nth| self.backfill_room(nth, holds_back);
        let subscription = self.most_urgent(Lane::Backfill, |nth| room(nth) > 0)?;
        let count_max = room(subscription);
        let items = self.subscriptions[subscription].take_batch(count_max);
        Some(self.start(subscription, Lane::Backfill, items))
    }

    pub(super) fn primary_is_ready(&self) -> bool {
        let primary = Lane::Primary.index();
        self.going()
            .any(|known| known.lanes[primary].queue.has_ready())
    }

    /// How many backfill messages of a subscription may start now.
    fn backfill_room(&self, subscription: usize, holds_back: bool) -> usize {
        self.room(subscription, holds_back)
            .min(self.throttles.allowance(subscription))
            .min(self.breakers[subscription].room(self.now))
    }

    /// How many may as far as primary is concerned: a full batch when backfill does not rest, no
    /// primary message is ready anywhere and its own primary lane is known to be empty, else what
    /// `min_share` owes.
    pub(super) fn room(&self, subscription: usize, holds_back: bool) -> usize {
        let primary = &self.subscriptions[subscription].lanes[Lane::Primary.index()];
        match holds_back || primary.supply.may_hold_news() {
            true => self.share.due(),
            false => self.limits.batch_max,
        }
    }

    /// The subscription whose next message of this lane is the most urgent; those that are equal
    /// take turns.
    fn most_urgent(&self, lane: Lane, eligible: impl Fn(usize) -> bool) -> Option<usize> {
        let count = self.subscriptions.len();
        let in_turn = (0..count).map(|nth| (self.turn[lane.index()] + nth) % count);
        let ready = in_turn.filter_map(|subscription| {
            let known = &self.subscriptions[subscription];
            let band = known.lanes[lane.index()].queue.next_band()?;
            (known.claimed && eligible(subscription)).then_some((band, subscription))
        });
        ready
            .min_by_key(|(band, _)| *band)
            .map(|(_, subscription)| subscription)
    }

    fn start(&mut self, subscription: usize, lane: Lane, items: Vec<Item<T>>) -> Action<T> {
        self.free[lane.index()] -= 1;
        let probe = self.breakers[subscription].started();
        self.turn[lane.index()] = (subscription + 1) % self.subscriptions.len();
        let owed = match lane {
            Lane::Primary => 0,
            Lane::Backfill => self.share.due().min(items.len()),
        };
        if lane == Lane::Backfill {
            self.share.started(items.len());
            self.throttles.started(subscription, items.len());
        }
        Action::Run(Run {
            subscription,
            lane,
            items,
            owed,
            probe,
        })
    }
}
