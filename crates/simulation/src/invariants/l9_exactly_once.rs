//! L9: every accepted message takes effect exactly once, in each subscription.

use super::Invariant;
use crate::message::{Logged, Trouble};
use crate::store::Store;
use crate::watch::Watch;

/// What was just written: a settled message has taken effect, is set aside, or was given up; none
/// has twice.
pub(crate) fn check_written(store: &Store, subscription: usize, one: &Logged) {
    let (effects, dead) = store.fate(subscription, one.id);
    store.watch.check(Invariant::L9, effects + dead <= 1, || {
        format!(
            "{} took effect {effects} times in {subscription}, died {dead} times",
            one.id
        )
    });
    let over = effects + dead > 0 || store.is_parked(subscription, one.id);
    let settled = store.is_settled(subscription, one);
    store.watch.check(Invariant::L9, !settled || over, || {
        format!("{} is settled in {subscription} without any effect", one.id)
    });
    store
        .watch
        .check(Invariant::L9, settled || effects == 0, || {
            format!(
                "{} took effect in {subscription} and is not settled",
                one.id
            )
        });
}

/// What a relay publishes follows on what is published: each message once, none left out.
pub(crate) fn check_published(watch: &Watch, published: u64, batch: &[Logged]) {
    let numbers = batch.iter().map(|one| one.sequence);
    let follows = numbers.zip(published + 1..).all(|(one, next)| one == next);
    watch.check(Invariant::L9, follows, || {
        let numbers: Vec<_> = batch.iter().map(|one| one.sequence).collect();
        format!("{numbers:?} is published after {published}")
    });
}

/// At the end: every message took effect, or was given up for a reason, and led to what it leads
/// to.
pub(crate) fn check_end(store: &Store) {
    for one in store.messages() {
        for subscription in store.plan.readers(one.draft.stream) {
            let (effects, dead) = store.fate(subscription, one.id);
            store.watch.check(Invariant::L9, effects + dead == 1, || {
                let settled = store.is_settled(subscription, one);
                let parked = store.is_parked(subscription, one.id);
                format!(
                    "{one:?} took effect {effects} times in {subscription}, died {dead} times \
                     (settled: {settled}, set aside: {parked})"
                )
            });
            let doomed = matches!(one.draft.trouble, Trouble::Poison | Trouble::Undecodable);
            let right = u8::from(doomed) == dead;
            store.watch.check(
                Invariant::L9,
                right || store.plan.troubles.conflicts > 0.0,
                || format!("{one:?} died {dead} times in {subscription}"),
            );
            let led_to = store.led_to(subscription, one.id);
            let leads_to = if one.draft.leads_on { effects } else { 0 };
            store.watch.check(Invariant::L9, led_to == leads_to, || {
                format!("{one:?} led to {led_to} messages in {subscription}")
            });
        }
    }
}
