//! Some schedules keep every promise, and each planted bug is found.

use protean_simulation::{Invariant, Planted, run, run_traced};

/// Schedules of a run that has to be short; `cargo xtask simulate` runs many more.
const SCHEDULES: u64 = 300;

/// Schedules in which a planted bug has to show.
const PLANTED_MAX: u64 = 2_000;

#[test]
fn every_promise_holds_under_every_schedule() {
    for seed in 1..=SCHEDULES {
        if let Err(failure) = run(seed, None) {
            panic!(
                "cargo xtask simulate --seed {seed}: {:?}",
                failure.violation
            );
        }
    }
}

#[test]
fn a_seed_makes_the_same_schedule_again() {
    for seed in 1..=10 {
        let steps = || run(seed, None).unwrap().steps;
        assert_eq!(steps(), steps(), "seed {seed}");
    }
    let bug = Some(Planted::SettledTwice);
    let failed = (1..=PLANTED_MAX).find(|seed| run(*seed, bug).is_err());
    let trace = || run_traced(failed.unwrap(), bug).unwrap_err().trace;
    assert!(!trace().is_empty());
    assert_eq!(trace(), trace());
}

#[test]
fn each_planted_bug_is_found_by_the_promise_that_it_breaks() {
    let mut missed = Vec::new();
    for bug in Planted::ALL {
        // What breaks one promise breaks others in its wake, which may be seen first.
        let breaks = |seed| {
            let failure = run(seed, Some(*bug)).err();
            failure.is_some_and(|failure| failure.violation.invariant == bug.breaks())
        };
        if !(1..=PLANTED_MAX).any(breaks) {
            missed.push(format!("{bug:?}: not in {PLANTED_MAX} schedules"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_promise_has_a_bug_that_breaks_it() {
    for invariant in Invariant::ALL {
        let sharp = Planted::ALL.iter().any(|bug| bug.breaks() == *invariant);
        assert!(sharp, "{invariant:?}");
    }
}
