//! L5: with no primary message about, backfill runs at once if it has a slot.

use protean_core::Lane;

use super::Invariant;
use crate::ledger::Ledger;

/// A backfill message that is ready runs, if a slot of its lane is free and no primary message is
/// ready or looked for.
pub(crate) fn check_idle(ledger: &Ledger) {
    let all = || ledger.subscriptions();
    let primary = |of| ledger.account(of, Lane::Primary);
    if !ledger.has_free_slot(Lane::Backfill) || all().any(|of| primary(of).is_ready()) {
        return;
    }
    for subscription in all().filter(|of| !primary(*of).may_hold_news()) {
        let backfill = ledger.account(subscription, Lane::Backfill);
        ledger
            .world
            .watch
            .check(Invariant::L5, !backfill.is_ready(), || {
                let ready: Vec<_> = backfill.runnable().collect();
                let owner = ledger.owner;
                format!("process {owner}: {ready:?} of {subscription} waits beside a free slot")
            });
    }
}
