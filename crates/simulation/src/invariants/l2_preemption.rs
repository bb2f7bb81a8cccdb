//! L2: primary has slots of its own, and waits for no more than one quantum of backfill.

use std::time::Duration;

use protean_core::Lane;
use protean_server::lane::Run;

use super::Invariant;
use crate::ledger::Ledger;
use crate::plan::QUANTUM;
use crate::process::Work;
use crate::watch::Watch;

/// No lane runs more than it has slots, and a primary run is one message.
pub(crate) fn check_start(ledger: &Ledger, run: &Run<Work>) {
    let free = ledger.has_free_slot(run.lane);
    let single = run.lane == Lane::Backfill || run.items.len() == 1;
    ledger.world.watch.check(Invariant::L2, free && single, || {
        format!(
            "{} starts beyond its slots: {} messages",
            run.lane,
            run.items.len()
        )
    });
}

/// A primary message that is ready runs, if a slot of its lane is free.
pub(crate) fn check_idle(ledger: &Ledger) {
    if !ledger.has_free_slot(Lane::Primary) {
        return;
    }
    for subscription in ledger.subscriptions() {
        let primary = ledger.account(subscription, Lane::Primary);
        ledger
            .world
            .watch
            .check(Invariant::L2, !primary.is_ready(), || {
                let ready: Vec<_> = primary.runnable().collect();
                let owner = ledger.owner;
                format!("process {owner}: {ready:?} of {subscription} waits beside a free slot")
            });
    }
}

/// A backfill batch starts another message only within its quantum, and while no primary message
/// waits.
pub(crate) fn check_batch(watch: &Watch, elapsed: Duration, primary_waits: bool) {
    watch.check(Invariant::L2, elapsed < QUANTUM && !primary_waits, || {
        format!("a batch goes on after {elapsed:?}; primary waits: {primary_waits}")
    });
}
