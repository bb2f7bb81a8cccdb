//! L3: primary of any subscription outranks backfill of every other one in the process.

use protean_core::Lane;
use protean_server::lane::Run;

use super::Invariant;
use crate::ledger::Ledger;
use crate::process::Work;

/// No backfill run starts while a primary message of another subscription is ready, but for what
/// `min_share` owes.
pub(crate) fn check_start(ledger: &Ledger, run: &Run<Work>) {
    if run.lane == Lane::Primary || run.items.len() <= ledger.owed() {
        return;
    }
    for other in ledger
        .subscriptions()
        .filter(|other| *other != run.subscription)
    {
        let primary = ledger.account(other, Lane::Primary);
        ledger
            .world
            .watch
            .check(Invariant::L3, !primary.is_ready(), || {
                let ready: Vec<_> = primary.runnable().collect();
                format!(
                    "backfill of {} starts before {ready:?} of {other}",
                    run.subscription
                )
            });
    }
}
