//! Projectors that are up to date do their work on an event in the commit that publishes it.
//!
//! Whoever waits for the projection waits for one commit instead of two, and nobody hands the event
//! out. It is an offer: the store takes it only if the subscription has nothing before the event
//! then, and the event goes the usual way otherwise. So whatever goes wrong here is nobody's
//! failure: it will be found where it is told, when the event is handed out.
//!
//! Only projectors are asked, since all they do is to stage rows. A reaction to an event may do
//! anything, which must not be done for an event that is not committed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::domain::{Domain, Subscriber};
use protean_core::message::{Message, while_handling};
use protean_core::port::along::{Along, Since};
use protean_core::port::broker::Subscription;
use protean_core::port::store::{Commit, Write};
use protean_core::port::trace::Handling;
use protean_core::unit::{Session, Unit};

use super::batch::Batch;
use super::narrate::Narrator;
use super::panics;
use super::span::RunSpan;

/// How long one projector may have one event: the command that caused it waits meanwhile (L10).
const TIME_MAX: Duration = Duration::from_millis(5);

/// How long a projector is not asked after it failed or took too long.
const PAUSE: Duration = Duration::from_secs(1);

/// The most that goes along with one commit: what it saves is a commit for each event, and what it
/// costs is that the command waits for all of them.
const COUNT_MAX: usize = 16;

/// A message that goes along with the commit that publishes it.
pub(super) struct Companion {
    subscription: (usize, Subscription),
    started: Timestamp,
    took: Duration,
    span: RunSpan,
}

impl<D: Domain> Batch<D> {
    /// Has subscriptions that are up to date do their work on what a commit publishes.
    pub(super) async fn take_along(&self, commit: &mut Commit) -> Vec<Companion> {
        let mut companions = Vec::new();
        let asks = self.lane == Lane::Primary && self.context.order != CrossLaneOrder::PerKey;
        if !asks || commit.messages.is_empty() {
            return companions;
        }
        let mut session = self.context.app.session(self.lane);
        session.absorb(&commit.writes);
        // Of a subscription that leaves one to be handed out, those after it are, too.
        let mut left = HashSet::new();
        for nth in 0..commit.messages.len() {
            let (Lane::Primary, message) = &commit.messages[nth] else {
                continue;
            };
            for subscription in self.context.readers_of(message) {
                if left.contains(&subscription) || companions.len() == COUNT_MAX {
                    continue;
                }
                match self.attempt_along(subscription, message, &session).await {
                    Some((companion, writes, since)) => {
                        session.absorb(&writes);
                        commit.along.push(companion.along(nth, writes, since));
                        companions.push(companion);
                    }
                    None => drop(left.insert(subscription)),
                }
            }
        }
        companions
    }

    /// One subscription's work on one message, if it may go along.
    async fn attempt_along(
        &self,
        subscription: usize,
        message: &Message,
        session: &Session,
    ) -> Option<(Companion, Vec<Write>, Since)> {
        let context = &self.context;
        let registered = context.registered(subscription);
        let route = registered.route(&message.type_name);
        if (registered.subscriber != Subscriber::Projector && route.is_some())
            || !context.may_take_along(subscription)
        {
            return None;
        }
        let store = &context.app.tier().store;
        let since = store.since(&context.subscriptions[subscription], self.lane, message)?;
        let (started, began) = (Timestamp::now(), Instant::now());
        let span = RunSpan::begin(context, subscription, (self.lane, 1), message);
        let mut unit = Unit::new(session, span.cause(message));
        if let Some(route) = route {
            let work = route(context.app.domain(), &message.data, &mut unit);
            let work = panics::contain(while_handling(span.cause(message), work));
            if !matches!(tokio::time::timeout(TIME_MAX, work).await, Ok(Ok(()))) {
                context.leave_alone(subscription, PAUSE);
                return None;
            }
        }
        let Commit {
            writes, messages, ..
        } = unit.into_commit(Vec::new());
        let companion = Companion {
            subscription: (subscription, context.subscriptions[subscription].clone()),
            started,
            took: began.elapsed(),
            span,
        };
        let narrator = Narrator {
            subscription: &companion.subscription.1,
            payloads: context.payloads,
        };
        narrator.ran_along(message, companion.took);
        messages.is_empty().then_some((companion, writes, since))
    }

    /// Tells whoever counts that messages went along with a commit.
    pub(super) fn went_along(&mut self, companions: Vec<Companion>) {
        for one in companions {
            let meters = self.context.monitor.meters(one.subscription.0, self.lane);
            meters.begun(Duration::ZERO);
            meters.took(one.took);
            meters.handled();
            self.along.push(one.subscription.0);
            one.span.end();
        }
    }
}

impl Companion {
    fn along(&self, message: usize, writes: Vec<Write>, since: Since) -> Along {
        Along {
            subscription: self.subscription.1.clone(),
            message,
            writes,
            since,
            handling: Handling {
                started: self.started,
                took: self.took,
                attempt: 1,
                dropped: None,
            },
        }
    }
}
