//! Backfill that rests while production is about.

use std::time::Duration;

use protean_core::Lane;

use super::cases::{LIMITS, bodies, bulk, done, plain, runs, started};
use crate::lane::{Action, Limits};

const NOW: Duration = Duration::ZERO;
const MS: Duration = Duration::from_millis(1);

#[test]
fn l4_backfill_that_rests_starts_nothing_and_primary_does() {
    let mut scheduler = started(1, LIMITS);
    scheduler.fetched(0, Lane::Primary, [], false);
    scheduler.fetched(0, Lane::Backfill, bulk(1..=6), false);
    let run = runs(&mut scheduler).remove(0);
    scheduler.rest(NOW, 4 * MS);
    scheduler.rest(NOW, 6 * MS);
    done(&mut scheduler, run);
    assert!(runs(&mut scheduler).is_empty(), "rests add up");
    assert_eq!(scheduler.wake_at(), Some(10 * MS));
    assert_eq!(scheduler.poll(9 * MS), None);
    scheduler.fetched(0, Lane::Primary, plain([10]), false);
    assert_eq!(bodies(&runs(&mut scheduler)), [10], "primary never rests");
    let Some(Action::Run(run)) = scheduler.poll(10 * MS) else {
        panic!("the rest is over");
    };
    assert_eq!(bodies(&[run]), [4, 5, 6]);
    assert_eq!(scheduler.wake_at(), None);
}

#[test]
fn l6_what_is_owed_does_not_rest() {
    let limits = Limits {
        min_share: 0.5,
        ..LIMITS
    };
    let mut scheduler = started(1, limits);
    scheduler.fetched(0, Lane::Primary, plain([10]), false);
    scheduler.fetched(0, Lane::Backfill, bulk(1..=3), false);
    scheduler.rest(NOW, 10 * MS);
    let run = runs(&mut scheduler).remove(0);
    assert_eq!(run.lane, Lane::Primary);
    done(&mut scheduler, run);
    assert_eq!(bodies(&runs(&mut scheduler)), [1], "one for one");
}
