//! L6: `min_share` bounds starvation, which is always visible.

use protean_core::Lane;
use protean_server::lane::Run;

use super::Invariant;
use crate::ledger::Ledger;
use crate::process::Work;
use crate::store::Store;

/// While primary is ready, backfill gets what it is owed and no more.
pub(crate) fn check_start(ledger: &Ledger, run: &Run<Work>) {
    let mut all = ledger.subscriptions();
    if run.lane == Lane::Primary || !all.any(|of| ledger.account(of, Lane::Primary).is_ready()) {
        return;
    }
    let (owed, gets) = (ledger.owed(), run.items.len());
    let holds = owed == 0 || gets <= owed;
    ledger.world.watch.check(Invariant::L6, holds, || {
        format!("backfill is owed {owed} messages, and gets {gets}")
    });
}

/// Backfill that is owed a message, has one ready and a slot free, runs it.
pub(crate) fn check_idle(ledger: &Ledger) {
    if ledger.owed() == 0 || !ledger.has_free_slot(Lane::Backfill) {
        return;
    }
    for subscription in ledger.subscriptions() {
        let backfill = ledger.account(subscription, Lane::Backfill);
        ledger
            .world
            .watch
            .check(Invariant::L6, !backfill.is_ready(), || {
                format!("backfill of {subscription} is owed a message, and waits")
            });
    }
}

/// The age of the oldest message that is told is the true one.
pub(crate) fn check_oldest(store: &Store) {
    for subscription in 0..store.plan.subscriptions {
        let stream = store.plan.stream_of(subscription);
        for lane in Lane::ALL {
            let waits = store.messages().iter().filter(|one| {
                (one.draft.stream, one.draft.lane) == (stream, lane)
                    && store.fate(subscription, one.id) == (0, 0)
            });
            let oldest = waits.map(|one| one.time).min();
            let told = store.oldest(subscription, lane);
            store.watch.check(Invariant::L6, oldest == told, || {
                format!("the oldest of {subscription} {lane} is of {oldest:?}, told is {told:?}")
            });
        }
    }
}
