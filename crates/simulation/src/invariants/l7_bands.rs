//! L7: what is more urgent goes first, at every hop: relay, fetch, run.

use protean_core::Lane;
use protean_core::lane::Band;
use protean_server::lane::Run;

use super::Invariant;
use crate::ledger::Ledger;
use crate::process::Work;
use crate::watch::Watch;

/// A run starts with the most urgent message that may start.
pub(crate) fn check_start(ledger: &Ledger, run: &Run<Work>) {
    let Some(first) = run.items.first() else {
        return;
    };
    // A subscription's backfill may be more urgent and still wait for its own primary.
    let eligible = |of: &usize| {
        run.lane == Lane::Primary
            || ledger.owed() > 0
            || !ledger.account(*of, Lane::Primary).may_hold_news()
    };
    let all = ledger.subscriptions().filter(eligible);
    let bands = all.flat_map(|of| ledger.account(of, run.lane).runnable().map(|one| one.band));
    let urgent = bands.min();
    let band = first.body.delivery.logged.draft.band;
    ledger.world.watch.check(
        Invariant::L7,
        urgent.is_none_or(|urgent| band <= urgent),
        || {
            format!(
                "{band:?} of {} {} starts before {urgent:?}",
                run.subscription, run.lane
            )
        },
    );
}

/// The queues of a lane are read most urgent first.
pub(crate) fn check_fetch(watch: &Watch, looked: &[Band]) {
    watch.check(Invariant::L7, looked.is_sorted(), || {
        format!("a fetch reads bands in the order {looked:?}")
    });
}

/// A relay publishes the most urgent queue of a stream that has something.
pub(crate) fn check_relay(watch: &Watch, band: Band, most_urgent: Option<Band>) {
    let holds = most_urgent.is_none_or(|most_urgent| band <= most_urgent);
    watch.check(Invariant::L7, holds, || {
        format!("a relay publishes {band:?} before {most_urgent:?}")
    });
}
