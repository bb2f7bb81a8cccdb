//! Messages that a handler takes together: one call, one commit with all their settlements (L9).
//!
//! What fails together is tried alone, so that one of them costs nothing but itself (L10).

use std::time::Instant;

use jiff::Timestamp;
use protean_core::domain::{Domain, RouteMany};
use protean_core::failure::Reason;
use protean_core::message::while_handling;
use protean_core::port::broker::{Delivery, Place, Settlement, Verdict};
use protean_core::port::store::{Commit, Committed, Refused};
use protean_core::unit::{Unit, Units};
use protean_core::{Failure, Lane};

use super::attempt::{handling, settlement};
use super::batch::{Batch, Planned, Step, Tried, Work};
use super::panics;
use super::span::RunSpan;
use crate::lane::{Item, Outcome};

/// Messages that are handled together at most. Neither their call nor their commit can be ended in
/// the middle, so both have to be short before a quantum of some milliseconds (L2): with handlers
/// that write a row or two for each, so many take about one.
const TOGETHER_MAX: usize = 64;

impl<D: Domain> Batch<D> {
    /// How many of the next messages are handled together: as many as follow one another, are of
    /// one type that the handler takes so, and have not failed before.
    pub(super) fn together(&self, items: &[Item<Work>]) -> usize {
        let Some(first) = items.first() else { return 0 };
        if self.lane != Lane::Backfill || self.probe || self.route_many(first).is_none() {
            return 0;
        }
        let of_one_type = |one: &&Item<Work>| {
            let delivery = &one.body.delivery;
            let type_name = &first.body.delivery.message.type_name;
            let is_new = delivery.failures == 0 && delivery.place != Place::Parked;
            let is_stuck = one.key.is_some_and(|key| self.stuck.contains(&key));
            is_new && !one.body.alone && !is_stuck && delivery.message.type_name == *type_name
        };
        let some = items.iter().take(TOGETHER_MAX);
        some.take_while(of_one_type).count()
    }

    fn route_many(&self, item: &Item<Work>) -> Option<&RouteMany<D>> {
        let registered = self.context.registered(self.subscription);
        registered.route_many(&item.body.delivery.message.type_name)
    }

    /// Runs messages together, and alone if that fails.
    pub(super) async fn take_together(&mut self, items: Vec<Item<Work>>) {
        if self.closes() {
            return self.left.extend(items);
        }
        let (since, began) = (Timestamp::now(), Instant::now());
        let begin = |item: Item<Work>| {
            let span = RunSpan::of(&self.context, self.subscription, &item.body.delivery);
            (item, span)
        };
        let tried: Vec<Tried> = items.into_iter().map(begin).collect();
        match self.attempt_together(&tried).await {
            Ok(commit) => {
                let count = u32::try_from(tried.len()).unwrap_or(u32::MAX);
                let each = began.elapsed() / count.max(1);
                for (item, _) in &tried {
                    self.begins(item, since);
                    self.meters(item).took(each);
                    self.narrator().ran(&item.body.delivery, each);
                }
                self.stage_together(tried, commit);
            }
            Err(failure) => {
                let items = tried.into_iter().map(|(item, _)| item).collect();
                self.take_alone(items, &failure).await;
            }
        }
    }

    /// Runs messages one by one that failed together; later, if all they need is to see what those
    /// before them staged.
    async fn take_alone(&mut self, items: Vec<Item<Work>>, failure: &Failure) {
        if matches!(failure.reason(), Reason::Unflushed) && !self.steps.is_empty() {
            self.closed = true;
            return self.left.extend(items);
        }
        if let Some(first) = items.first() {
            let (first, together) = (&first.body.delivery, items.len());
            self.narrator().failed_together(first, together, failure);
        }
        for mut item in items {
            item.body.alone = true;
            self.take(item).await;
        }
    }

    /// One call of the handler; what it staged commits with the settlements of all messages (L9).
    async fn attempt_together(&self, tried: &[Tried]) -> Result<Commit, Failure> {
        let Some((first, _)) = tried.first() else {
            return Ok(Commit::default());
        };
        let Some(route) = self.route_many(first) else {
            return Ok(Commit::default());
        };
        let deliveries = || tried.iter().map(|(item, _)| &item.body.delivery);
        let data: Vec<&str> = deliveries().map(|one| &*one.message.data).collect();
        let causes = tried
            .iter()
            .map(|(item, span)| span.cause(&item.body.delivery.message));
        let causes: Vec<_> = causes.collect();
        let cause = causes[0].clone();
        let app = &self.context.app;
        let mut units = Units::new(Unit::new(&self.session, cause.clone()), causes);
        let work = route(app.domain(), &data, &mut units);
        panics::contain(while_handling(cause, work)).await?;
        let mut unit = units.into_unit();
        panics::contain(app.cascade(&mut unit)).await?;
        let settlements = deliveries().map(|one| self.done(one)).collect();
        Ok(app.commit_of(unit, settlements))
    }

    fn done(&self, delivery: &Delivery) -> Settlement {
        let verdict = (Verdict::Done, handling(delivery, self.began));
        settlement(&self.context, self.subscription, delivery, verdict)
    }

    fn stage_together(&mut self, tried: Vec<Tried>, mut commit: Commit) {
        self.signs.handled = true;
        for (item, _) in &tried {
            commit.dependent |= self.follows(item);
        }
        self.session.absorb(&commit.writes);
        let mut tried = tried.into_iter();
        let Some((item, span)) = tried.next() else {
            return;
        };
        self.push(Step {
            item,
            commit,
            outcome: Outcome::Done,
            span,
            others: tried.collect(),
            companions: Vec::new(),
        });
    }

    /// What becomes of messages that were handled together: all are settled, or none. Says whether
    /// the store is away.
    pub(super) fn settle_together(
        &self,
        planned: Planned,
        result: Result<Committed, Refused>,
        outcomes: &mut Vec<(Item<Work>, Outcome)>,
    ) -> bool {
        let Planned {
            item, span, others, ..
        } = planned;
        let first = item.body.delivery.clone();
        let all = std::iter::once((item, span)).chain(others);
        let refused = match result {
            Ok(_) => {
                outcomes.extend(all.map(|(item, span)| {
                    self.meters(&item).handled();
                    span.end();
                    (item, Outcome::Done)
                }));
                return false;
            }
            Err(refused) => refused,
        };
        let mut items: Vec<_> = all.map(|(item, _)| item).collect();
        let away = match &refused {
            Refused::Dependent => false,
            Refused::Store(error) if error.is_transient() => {
                self.narrator().store_is_away(&first, error);
                true
            }
            other => {
                self.narrator().refused_together(&first, items.len(), other);
                items.iter_mut().for_each(|item| item.body.alone = true);
                false
            }
        };
        outcomes.extend(items.into_iter().map(|item| (item, Outcome::Unrun)));
        away
    }
}
