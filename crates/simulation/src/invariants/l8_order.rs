//! L8: within a lane, messages with one key are handled one at a time, in order.

use protean_server::lane::Run;

use super::Invariant;
use crate::ledger::Ledger;
use crate::message::Logged;
use crate::process::Work;
use crate::store::{Along, Commit, Store};
use crate::watch::Busy;

/// Of the messages of a lane with one key no other run of the process has any, none before them
/// waits in it, and no other process that nobody has reason to doubt has one in its hands.
pub(crate) fn check_start(ledger: &Ledger, run: &Run<Work>) {
    let account = ledger.account(run.subscription, run.lane);
    let ids: Vec<_> = run
        .items
        .iter()
        .map(|one| one.body.delivery.logged.id)
        .collect();
    for item in &run.items {
        let logged = &item.body.delivery.logged;
        let Some(key) = logged.draft.key else {
            continue;
        };
        let same_key = || account.memory.iter().filter(|one| one.key == Some(key));
        let running = same_key().any(|one| one.running);
        let before = same_key().take_while(|one| one.id != logged.id);
        // A broker that lost its data hands out again what is set aside: then it is there twice.
        let mut copies = same_key().filter(|one| one.id == logged.id);
        let held_back = copies.all(|one| account.is_held_back(one));
        let overtaken: Vec<_> = before.filter(|one| !ids.contains(&one.id)).collect();
        let watch = &ledger.world.watch;
        watch.check(
            Invariant::L8,
            !running && !held_back && overtaken.is_empty(),
            || {
                format!(
                    "{} overtakes {overtaken:?} of {key}, or runs beside one",
                    logged.id
                )
            },
        );
        check_elsewhere(ledger, run.subscription, logged, key);
    }
}

fn check_elsewhere(ledger: &Ledger, subscription: usize, logged: &Logged, key: &str) {
    let watch = &ledger.world.watch;
    if watch.is_doubted(ledger.owner) {
        return;
    }
    // What is settled may be handed out again, and is refused then. Two processes may be at a
    // message that is in the stream twice, and at what follows it in one transaction; one of them
    // is refused (L9).
    let store = ledger.world.store.borrow();
    if store.is_settled(subscription, logged) || watch.is_doubled(logged.id) {
        return;
    }
    let busy = watch.busy.borrow();
    let elsewhere = |one: &&Busy| {
        (one.subscription, one.queue, one.key) == (subscription, logged.queue, key)
            && one.owner != ledger.owner
            && !watch.is_doubted(one.owner)
            && !watch.is_doubled(one.id)
            && !store.is_settled(subscription, &store.message(one.id))
    };
    let found = busy.iter().find(elsewhere);
    watch.check(Invariant::L8, found.is_none(), || {
        format!(
            "process {} runs {} of {key} beside {found:?}",
            ledger.owner, logged.id
        )
    });
}

/// When a message is settled by the transaction that writes it, the one before it of its key was when
/// the work began that goes along, and is not set aside.
pub(crate) fn check_along(store: &Store, along: Along, logged: &Logged) {
    let Some(previous) = logged.previous else {
        return;
    };
    let before = store.read(logged.queue, previous - 1, 1);
    let Some(before) = before.first() else { return };
    let subscription = along.subscription;
    let over = store.over_at(subscription, before.id);
    let in_time = over.is_some_and(|over| over <= along.began);
    let parked = store.is_parked(subscription, before.id);
    store.watch.check(Invariant::L8, in_time && !parked, || {
        format!(
            "{} of {:?} went along in {subscription}, begun at {:?}, and {} before it was over at \
             {over:?}, set aside: {parked}",
            logged.id, logged.draft.key, along.began, before.id
        )
    });
}

/// When a message is settled, the one before it of its key is, in the same transaction at the
/// latest, and is not set aside.
///
/// One exception is a known gap: a process that was handed a message although somebody alive had it
/// takes it for done when its settlement is refused, or when it is not the one to try it again, also
/// when the other one has set it aside; it goes on with those behind it, or a third does that has
/// one of these from it. It takes a stall of some seconds, or a broker that lost its data, and a
/// failure at the same time.
pub(crate) fn check_settling(store: &Store, commit: &Commit, beside: &[Commit]) {
    let logged = &commit.delivery.logged;
    let Some(previous) = logged.previous else {
        return;
    };
    let before = store.read(logged.queue, previous - 1, 1);
    let Some(before) = before.first() else { return };
    let subscription = commit.subscription;
    let now = beside
        .iter()
        .any(|one| one.subscription == subscription && one.delivery.logged.id == before.id);
    let refused = store.watch.was_refused(subscription, before.id);
    let parked = store.is_parked(subscription, before.id) && !refused;
    let over = store.is_settled(subscription, before) && !parked;
    store.watch.check(Invariant::L8, over || now, || {
        let parked = store.is_parked(subscription, before.id);
        format!(
            "{} of {:?} is settled by {subscription} before {}, set aside: {parked}",
            logged.id, logged.draft.key, before.id
        )
    });
}
