//! L10: a failing message delays nothing but its own key.

use std::time::Duration;

use protean_core::Lane;

use super::Invariant;
use crate::ledger::Ledger;
use crate::message::Trouble;
use crate::store::{Commit, Store, Verdict};
use crate::watch::Watch;

/// A worker does not wait for the next try of what failed.
pub(crate) fn check_free(watch: &Watch, failed_at: Duration, now: Duration) {
    watch.check(Invariant::L10, now == failed_at, || {
        format!("a worker waits for {:?} after a failure", now - failed_at)
    });
}

/// What is set aside or given up has failed itself.
pub(crate) fn check_verdict(store: &Store, commit: &Commit) {
    let logged = &commit.delivery.logged;
    let sound = logged.draft.trouble == Trouble::None && store.plan.troubles.conflicts == 0.0;
    let holds = commit.verdict == Verdict::Done || !sound;
    store.watch.check(Invariant::L10, holds, || {
        format!(
            "{} did not fail, and is settled as {:?}",
            logged.id, commit.verdict
        )
    });
}

/// Once a message has failed, all but those it holds back run if their lane has a slot. That holds for
/// primary at once, and for backfill while no primary message is about.
pub(crate) fn check_idle(ledger: &Ledger) {
    let all = || ledger.subscriptions();
    let primary = |of| ledger.account(of, Lane::Primary);
    let quiet = !all().any(|of| primary(of).is_ready() || primary(of).may_hold_news());
    for subscription in all() {
        for lane in Lane::ALL {
            let account = ledger.account(subscription, lane);
            let free = ledger.has_free_slot(lane) && (lane == Lane::Primary || quiet);
            if !account.has_failed || !free {
                continue;
            }
            ledger
                .world
                .watch
                .check(Invariant::L10, !account.is_ready(), || {
                    let ready: Vec<_> = account.runnable().collect();
                    let parked = &account.parked;
                    format!(
                        "{ready:?} of {subscription} {lane} waits while {parked:?} is set aside"
                    )
                });
        }
    }
}
