//! What an outage of one handler does to its lanes, and what it leaves to the others.

use std::time::Duration;

use protean_core::Lane;

use super::cases::{LIMITS, bodies, bulk, done, plain, started};
use crate::lane::{Action, Outcome, Run, Scheduler};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The runs that are started then.
fn runs_at(scheduler: &mut Scheduler<u32>, now: Duration) -> Vec<Run<u32>> {
    let mut runs = Vec::new();
    while let Some(action) = scheduler.poll(now) {
        if let Action::Run(run) = action {
            runs.push(run);
        }
    }
    runs
}

/// All of a run fail, and are set aside for an hour.
fn fail(scheduler: &mut Scheduler<u32>, run: Run<u32>) {
    for item in &run.items {
        scheduler.failed(run.subscription, item.position);
    }
    let outcome = |position| Outcome::Parked {
        position,
        due: millis(3_600_000),
    };
    let outcomes = run.items.into_iter().map(|item| {
        let outcome = outcome(item.position);
        (item, outcome)
    });
    scheduler.finished(run.subscription, run.lane, outcomes);
}

/// Two subscriptions, the first of which fails for everything; and the time of that.
fn broken() -> (Scheduler<u32>, Duration) {
    let mut scheduler = started(2, LIMITS);
    for subscription in 0..2 {
        for lane in Lane::ALL {
            scheduler.fetched(subscription, lane, [], false);
        }
    }
    for round in 0..20 {
        if scheduler.is_left_alone(0) {
            return (scheduler, millis(round * 100));
        }
        scheduler.fetched(0, Lane::Primary, plain([100 + round as u32]), false);
        for run in runs_at(&mut scheduler, millis(round * 100)) {
            fail(&mut scheduler, run);
        }
    }
    panic!("it never gives up");
}

#[test]
fn an_outage_of_one_handler_keeps_both_its_lanes_and_no_other() {
    let (mut scheduler, now) = broken();
    scheduler.fetched(0, Lane::Primary, plain([1, 2]), false);
    scheduler.fetched(0, Lane::Backfill, bulk([3, 4]), false);
    scheduler.fetched(1, Lane::Backfill, bulk([5, 6]), false);
    let others = runs_at(&mut scheduler, now);
    assert_eq!(
        bodies(&others),
        [5, 6],
        "the backfill of another goes on (L5)"
    );
    assert!(
        !scheduler.primary_waits(),
        "nothing of the others has to yield"
    );
    for run in others {
        done(&mut scheduler, run);
    }
    let due = scheduler.wake_at().unwrap();
    assert!(now < due && due <= now + millis(1_000));
}

#[test]
fn one_message_finds_out_and_primary_goes_first_when_it_is_over() {
    let (mut scheduler, _) = broken();
    scheduler.fetched(0, Lane::Backfill, bulk([3, 4]), false);
    scheduler.fetched(0, Lane::Primary, plain([1, 2]), false);
    let due = scheduler.wake_at().unwrap();
    let mut probe = runs_at(&mut scheduler, due);
    assert_eq!(bodies(&probe), [1], "one, of the primary lane (L1)");
    fail(&mut scheduler, probe.remove(0));
    assert!(runs_at(&mut scheduler, due).is_empty());
    let due = scheduler.wake_at().unwrap();
    let mut probe = runs_at(&mut scheduler, due);
    assert_eq!(bodies(&probe), [2]);
    scheduler.handled(0);
    done(&mut scheduler, probe.remove(0));
    assert!(!scheduler.is_left_alone(0));
    let rest = runs_at(&mut scheduler, due);
    assert_eq!(bodies(&rest), [3, 4]);
}

#[test]
fn what_failed_before_finds_out_when_there_is_nothing_else() {
    let (mut scheduler, _) = broken();
    let hour = millis(3_600_000);
    assert_eq!(scheduler.wake_at(), Some(hour));
    let Some(Action::FetchParked { position, key, .. }) = scheduler.poll(hour) else {
        panic!("nothing comes back");
    };
    let item = plain([u32::try_from(position).unwrap()]).remove(0);
    scheduler.fetched_parked(0, (Lane::Primary, position), key, Some(item));
    let runs = runs_at(&mut scheduler, hour);
    assert_eq!(runs.len(), 1);
}

#[test]
fn l10_one_bad_message_never_holds_the_others() {
    let mut scheduler = started(1, LIMITS);
    for nth in 0..100 {
        scheduler.failed(0, 7);
        let _ = scheduler.poll(millis(nth * 100));
        assert!(!scheduler.is_left_alone(0));
    }
}
