//! L1: a subscription takes from backfill only when its primary lane is empty.

use protean_core::Lane;
use protean_server::lane::Run;

use super::Invariant;
use crate::ledger::Ledger;
use crate::process::Work;

/// No backfill run starts while a primary message of its subscription is ready, or while nobody
/// knows whether there is one, but for what `min_share` owes.
pub(crate) fn check_start(ledger: &Ledger, run: &Run<Work>) {
    if run.lane == Lane::Primary || run.items.len() <= ledger.owed() {
        return;
    }
    let watch = &ledger.world.watch;
    let primary = ledger.account(run.subscription, Lane::Primary);
    watch.check(Invariant::L1, !primary.is_ready(), || {
        let ready: Vec<_> = primary.runnable().collect();
        format!(
            "backfill of subscription {} starts before {ready:?}",
            run.subscription
        )
    });
    watch.check(Invariant::L1, !primary.may_hold_news(), || {
        let subscription = run.subscription;
        format!("backfill of subscription {subscription} starts before primary was looked at")
    });
}
