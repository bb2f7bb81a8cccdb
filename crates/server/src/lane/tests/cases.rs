//! One case for each thing the scheduler promises.

use std::collections::VecDeque;
use std::time::Duration;

use protean_core::Lane;
use protean_core::config::CrossLaneOrder;
use protean_core::lane::Band;

use crate::lane::{Action, Item, Limits, Outcome, Run, Scheduler};

pub(super) const LIMITS: Limits = Limits {
    primary_slots: 2,
    backfill_slots: 1,
    batch_max: 3,
    buffer_max: 8,
    min_share: 0.0,
    order: CrossLaneOrder::None,
};

const NOW: Duration = Duration::ZERO;

/// Bands 0 to 2 are of the primary lane.
fn item(body: u32, key: Option<u64>, band: usize) -> Item<u32> {
    Item {
        key,
        lane: if band < 3 {
            Lane::Primary
        } else {
            Lane::Backfill
        },
        position: u64::from(body),
        band: Band::ALL[band],
        body,
    }
}

pub(super) fn plain(bodies: impl IntoIterator<Item = u32>) -> Vec<Item<u32>> {
    bodies.into_iter().map(|body| item(body, None, 2)).collect()
}

pub(super) fn bulk(bodies: impl IntoIterator<Item = u32>) -> Vec<Item<u32>> {
    bodies.into_iter().map(|body| item(body, None, 4)).collect()
}

/// A scheduler with every subscription claimed and every first fetch under way.
pub(super) fn started(subscriptions: usize, limits: Limits) -> Scheduler<u32> {
    let mut scheduler = Scheduler::new(subscriptions, limits);
    for subscription in 0..subscriptions {
        scheduler.claimed(subscription);
    }
    while let Some(action) = scheduler.poll(NOW) {
        assert!(matches!(action, Action::Fetch { .. }));
    }
    scheduler
}

pub(super) fn runs(scheduler: &mut Scheduler<u32>) -> Vec<Run<u32>> {
    let mut runs = Vec::new();
    while let Some(action) = scheduler.poll(NOW) {
        if let Action::Run(run) = action {
            runs.push(run);
        }
    }
    runs
}

pub(super) fn bodies(runs: &[Run<u32>]) -> Vec<u32> {
    runs.iter()
        .flat_map(|run| &run.items)
        .map(|item| item.body)
        .collect()
}

pub(super) fn done(scheduler: &mut Scheduler<u32>, run: Run<u32>) {
    let outcomes = run.items.into_iter().map(|item| (item, Outcome::Done));
    scheduler.finished(run.subscription, run.lane, outcomes);
}

#[test]
fn nothing_is_fetched_before_the_claim() {
    let mut scheduler: Scheduler<u32> = Scheduler::new(1, LIMITS);
    scheduler.published(0, Lane::Primary);
    assert_eq!(scheduler.poll(NOW), None);
    scheduler.claimed(0);
    let first = scheduler.poll(NOW);
    assert_eq!(
        first,
        Some(Action::Fetch {
            subscription: 0,
            lane: Lane::Primary,
            count_max: 8
        })
    );
}

#[test]
fn backfill_starts_only_when_the_primary_lane_is_known_to_be_empty() {
    let mut scheduler = started(1, LIMITS);
    scheduler.fetched(0, Lane::Backfill, bulk(1..=3), false);
    assert!(
        runs(&mut scheduler).is_empty(),
        "the primary lane has not been looked at yet"
    );
    scheduler.fetched(0, Lane::Primary, [], false);
    let started = runs(&mut scheduler);
    assert_eq!(bodies(&started), [1, 2, 3]);
    assert_eq!(started[0].lane, Lane::Backfill);
}

#[test]
fn primary_of_one_subscription_goes_before_backfill_of_another() {
    let mut scheduler = started(2, LIMITS);
    scheduler.fetched(0, Lane::Backfill, bulk(1..=3), false);
    scheduler.fetched(0, Lane::Primary, [], false);
    scheduler.fetched(1, Lane::Primary, plain(10..=12), false);
    let first = runs(&mut scheduler);
    assert_eq!(
        bodies(&first),
        [10, 11],
        "both primary slots, and no backfill while 12 waits"
    );
    for run in first {
        done(&mut scheduler, run);
    }
    assert_eq!(bodies(&runs(&mut scheduler)), [12, 1, 2, 3]);
}

#[test]
fn a_running_backfill_batch_takes_no_primary_slot() {
    let mut scheduler = started(1, LIMITS);
    scheduler.fetched(0, Lane::Backfill, bulk(1..=6), false);
    scheduler.fetched(0, Lane::Primary, [], false);
    assert_eq!(runs(&mut scheduler).len(), 1);
    assert!(!scheduler.primary_waits());
    scheduler.published(0, Lane::Primary);
    assert!(scheduler.primary_waits(), "the batch is asked to end");
    assert!(runs(&mut scheduler).is_empty());
    scheduler.fetched(0, Lane::Primary, plain([9]), false);
    assert_eq!(bodies(&runs(&mut scheduler)), [9]);
    assert!(!scheduler.primary_waits());
}

#[test]
fn what_a_batch_did_not_run_goes_first_next_time() {
    let mut scheduler = started(1, LIMITS);
    scheduler.fetched(0, Lane::Primary, [], false);
    scheduler.fetched(0, Lane::Backfill, bulk(1..=5), false);
    let run = runs(&mut scheduler).remove(0);
    let outcomes = run.items.into_iter().map(|item| {
        let outcome = if item.body == 1 {
            Outcome::Done
        } else {
            Outcome::Unrun
        };
        (item, outcome)
    });
    scheduler.finished(0, Lane::Backfill, outcomes);
    assert_eq!(bodies(&runs(&mut scheduler)), [2, 3, 4]);
}

#[test]
fn the_more_urgent_band_goes_first() {
    let mut scheduler = started(
        2,
        Limits {
            primary_slots: 1,
            ..LIMITS
        },
    );
    scheduler.fetched(
        0,
        Lane::Primary,
        [item(1, None, 2), item(2, None, 1)],
        false,
    );
    scheduler.fetched(
        1,
        Lane::Primary,
        [item(3, None, 0), item(4, None, 2)],
        false,
    );
    let mut order = Vec::new();
    while let Some(run) = runs(&mut scheduler).pop() {
        order.push(run.items[0].body);
        done(&mut scheduler, run);
    }
    assert_eq!(
        order,
        [3, 2, 4, 1],
        "bands first, then the subscriptions take turns"
    );
}

#[test]
fn messages_with_one_key_run_one_after_another() {
    let mut scheduler = started(1, LIMITS);
    let items = [
        item(1, Some(7), 2),
        item(2, Some(7), 2),
        item(3, Some(8), 2),
    ];
    scheduler.fetched(0, Lane::Primary, items, false);
    let first = runs(&mut scheduler);
    assert_eq!(bodies(&first), [1, 3]);
    for run in first {
        done(&mut scheduler, run);
    }
    assert_eq!(bodies(&runs(&mut scheduler)), [2]);
}

#[test]
fn one_batch_may_hold_several_messages_of_a_key_in_order() {
    let mut scheduler = started(1, LIMITS);
    scheduler.fetched(0, Lane::Primary, [], false);
    let items = [
        item(1, Some(7), 4),
        item(2, None, 4),
        item(3, Some(7), 4),
        item(4, Some(7), 4),
    ];
    scheduler.fetched(0, Lane::Backfill, items, false);
    let run = runs(&mut scheduler).remove(0);
    assert_eq!(bodies(std::slice::from_ref(&run)), [1, 3, 4]);
    done(&mut scheduler, run);
    assert_eq!(bodies(&runs(&mut scheduler)), [2]);
}

#[test]
fn a_message_set_aside_keeps_only_its_own_key_waiting() {
    let mut scheduler = started(
        1,
        Limits {
            primary_slots: 1,
            ..LIMITS
        },
    );
    let items = [item(1, Some(7), 2), item(2, Some(7), 2), item(3, None, 2)];
    scheduler.fetched(0, Lane::Primary, items, false);
    let run = runs(&mut scheduler).remove(0);
    let due = Duration::from_secs(1);
    let outcome = Outcome::Parked { position: 100, due };
    scheduler.finished(
        0,
        Lane::Primary,
        run.items.into_iter().map(|item| (item, outcome)),
    );
    assert_eq!(scheduler.wake_at(), Some(due));
    let run = runs(&mut scheduler).remove(0);
    assert_eq!(run.items[0].body, 3, "2 waits behind 1, and 3 does not");
    done(&mut scheduler, run);

    let back = Action::FetchParked {
        subscription: 0,
        lane: Lane::Primary,
        position: 100,
        key: Some(7),
    };
    assert_eq!(scheduler.poll(due), Some(back));
    scheduler.fetched_parked(0, (Lane::Primary, 100), Some(7), Some(item(1, Some(7), 2)));
    let run = runs(&mut scheduler).remove(0);
    assert_eq!(run.items[0].body, 1);
    done(&mut scheduler, run);
    assert_eq!(bodies(&runs(&mut scheduler)), [2]);
}

#[test]
fn what_was_set_aside_before_the_start_goes_before_its_key() {
    let mut scheduler: Scheduler<u32> = Scheduler::new(1, LIMITS);
    scheduler.parked(0, Lane::Backfill, 5, Some(7), Duration::from_secs(9));
    scheduler.claimed(0);
    assert!(runs(&mut scheduler).is_empty());
    scheduler.fetched(0, Lane::Primary, [], false);
    let items = [item(6, Some(7), 4), item(7, Some(8), 4)];
    scheduler.fetched(0, Lane::Backfill, items, false);
    let run = runs(&mut scheduler).remove(0);
    assert_eq!(bodies(std::slice::from_ref(&run)), [7]);
    done(&mut scheduler, run);
    assert!(matches!(
        scheduler.poll(Duration::from_secs(9)),
        Some(Action::FetchParked { .. })
    ));
    scheduler.fetched_parked(0, (Lane::Backfill, 5), Some(7), None);
    assert_eq!(
        bodies(&runs(&mut scheduler)),
        [6],
        "purged meanwhile, so its key goes on"
    );
}

#[test]
fn with_a_min_share_saturated_primary_lets_some_backfill_through() {
    let limits = Limits {
        primary_slots: 1,
        min_share: 0.1,
        buffer_max: 100,
        ..LIMITS
    };
    let mut scheduler = started(1, limits);
    scheduler.fetched(0, Lane::Backfill, bulk(1000..1050), true);
    scheduler.fetched(0, Lane::Primary, plain(0..40), true);
    let mut backfill = 0;
    for _ in 0..36 {
        for run in runs(&mut scheduler) {
            backfill += usize::from(run.lane == Lane::Backfill);
            done(&mut scheduler, run);
        }
    }
    assert!(
        (3..=5).contains(&backfill),
        "a tenth of about 40, found {backfill}"
    );
}

#[test]
fn after_a_stop_nothing_starts() {
    let mut scheduler = started(1, LIMITS);
    scheduler.fetched(0, Lane::Primary, plain(1..=3), false);
    let running = runs(&mut scheduler);
    scheduler.stop();
    assert!(!scheduler.is_idle());
    for run in running {
        done(&mut scheduler, run);
    }
    assert!(scheduler.is_idle());
    assert_eq!(scheduler.poll(NOW), None);
    assert_eq!(scheduler.wake_at(), None);
}

/// Both lanes of a key in one order.
const PER_KEY: Limits = Limits {
    order: CrossLaneOrder::PerKey,
    ..LIMITS
};

fn set_aside(scheduler: &mut Scheduler<u32>, run: Run<u32>, due: Duration) {
    let outcomes = run.items.into_iter().map(|item| {
        let position = item.position;
        (item, Outcome::Parked { position, due })
    });
    scheduler.finished(run.subscription, run.lane, outcomes);
}

#[test]
fn a_primary_message_promotes_what_was_published_before_it_and_nothing_else() {
    let mut scheduler = started(1, PER_KEY);
    let waiting = [
        item(1, Some(7), 4),
        item(2, Some(8), 4),
        item(3, Some(7), 4),
        item(5, Some(7), 4),
        item(6, None, 4),
    ];
    scheduler.fetched(0, Lane::Backfill, waiting, false);
    scheduler.fetched(0, Lane::Primary, [item(4, Some(7), 2)], false);
    let mut order: [Vec<u32>; 2] = Default::default();
    let mut running = VecDeque::from(runs(&mut scheduler));
    while let Some(run) = running.pop_front() {
        order[run.lane.index()].extend(run.items.iter().map(|item| item.body));
        done(&mut scheduler, run);
        running.extend(runs(&mut scheduler));
    }
    assert_eq!(order, [vec![1, 3, 4], vec![2, 6, 5]]);
}

#[test]
fn what_is_promoted_is_as_urgent_as_what_waits_for_it() {
    let limits = Limits {
        primary_slots: 1,
        ..PER_KEY
    };
    let mut scheduler = started(1, limits);
    let arrived = [
        item(1, Some(7), 4),
        item(8, None, 1),
        item(9, Some(7), 2),
        item(10, Some(7), 0),
    ];
    scheduler.fetched(0, Lane::Primary, arrived, false);
    let mut order = Vec::new();
    while let Some(run) = runs(&mut scheduler).pop() {
        order.push(run.items[0].body);
        done(&mut scheduler, run);
    }
    assert_eq!(order, [1, 8, 9, 10]);
}

#[test]
fn a_primary_message_waits_for_the_batch_that_runs_and_goes_before_the_rest_of_it() {
    let mut scheduler = started(1, PER_KEY);
    scheduler.fetched(0, Lane::Primary, [], false);
    let waiting = [1, 2, 4].map(|body| item(body, Some(7), 4));
    scheduler.fetched(0, Lane::Backfill, waiting, false);
    let batch = runs(&mut scheduler).remove(0);
    assert_eq!(bodies(std::slice::from_ref(&batch)), [1, 2, 4]);
    scheduler.published(0, Lane::Primary);
    assert!(runs(&mut scheduler).is_empty());
    scheduler.fetched(0, Lane::Primary, [item(3, Some(7), 2)], false);
    assert!(runs(&mut scheduler).is_empty(), "the batch runs");
    let outcomes = batch.items.into_iter().map(|item| {
        let ran = item.body == 1;
        (item, if ran { Outcome::Done } else { Outcome::Unrun })
    });
    scheduler.finished(0, Lane::Backfill, outcomes);
    let mut order = Vec::new();
    while let Some(run) = runs(&mut scheduler).pop() {
        order.push((run.lane, run.items[0].body));
        done(&mut scheduler, run);
    }
    let expected = [(Lane::Primary, 2), (Lane::Primary, 3), (Lane::Backfill, 4)];
    assert_eq!(order, expected);
}

#[test]
fn a_promoted_message_that_failed_is_waited_for_by_its_key_alone() {
    let mut scheduler = started(1, PER_KEY);
    let arrived = [
        item(1, Some(7), 4),
        item(2, Some(7), 2),
        item(3, Some(8), 2),
    ];
    scheduler.fetched(0, Lane::Primary, arrived, false);
    let first = runs(&mut scheduler);
    assert_eq!(bodies(&first), [1, 3]);
    let due = Duration::from_secs(1);
    for run in first {
        match run.items[0].body {
            1 => set_aside(&mut scheduler, run, due),
            _ => done(&mut scheduler, run),
        }
    }
    assert!(runs(&mut scheduler).is_empty(), "2 waits for 1");
    let back = Action::FetchParked {
        subscription: 0,
        lane: Lane::Backfill,
        position: 1,
        key: Some(7),
    };
    assert_eq!(scheduler.poll(due), Some(back));
    let item = item(1, Some(7), 4);
    scheduler.fetched_parked(0, (Lane::Backfill, 1), Some(7), Some(item));
    let again = runs(&mut scheduler).remove(0);
    assert_eq!((again.lane, again.items[0].body), (Lane::Primary, 1));
    done(&mut scheduler, again);
    assert_eq!(bodies(&runs(&mut scheduler)), [2]);
}

#[test]
fn what_another_process_waits_for_is_promoted() {
    let mut scheduler = started(1, PER_KEY);
    let waiting = [1, 2, 3].map(|body| item(body, Some(7), 4));
    scheduler.fetched(0, Lane::Backfill, waiting, false);
    scheduler.promote(0, 7, 3, Band::ALL[2]);
    scheduler.promote(0, 8, 9, Band::ALL[2]);
    for expected in [1, 2] {
        let run = runs(&mut scheduler).remove(0);
        assert_eq!((run.lane, run.items[0].body), (Lane::Primary, expected));
        done(&mut scheduler, run);
    }
    assert!(runs(&mut scheduler).is_empty(), "3 may wait");
    scheduler.fetched(0, Lane::Primary, [], false);
    assert_eq!(bodies(&runs(&mut scheduler)), [3]);
}

#[test]
fn with_no_order_between_lanes_primary_overtakes() {
    let mut scheduler = started(1, LIMITS);
    scheduler.fetched(0, Lane::Backfill, [item(1, Some(7), 4)], false);
    scheduler.fetched(0, Lane::Primary, [item(2, Some(7), 2)], false);
    let first = runs(&mut scheduler);
    assert_eq!(bodies(&first), [2, 1]);
    assert_eq!(first[1].lane, Lane::Backfill);
}
