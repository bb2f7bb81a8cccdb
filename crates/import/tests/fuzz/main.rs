//! Files made at random, good, bad and damaged, against what must hold of every file.
//!
//! Runs for some seconds among the tests, and as long as one likes by
//! `cargo xtask fuzz --seconds N`. A case that fails is made as small as possible, and printed with
//! the seed that makes it again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../import/domain.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod domain;
mod file;
mod hold;
mod parquet;

use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Seconds in the ordinary tests: enough for some thousand files.
const SECONDS: u64 = 3;

/// Files between two looks at the clock.
const CASES: u32 = 50;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn what_must_hold_of_every_file_holds() {
    let seconds = number("PROTEAN_FUZZ_SECONDS").unwrap_or(SECONDS);
    let first = number("PROTEAN_FUZZ_SEED").unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut files = 0;
    for seed in first.. {
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            ..Config::default()
        });
        if let Err(failure) = runner.run(&file::files(), |file| hold::all(&file)) {
            panic!("seed {seed}: {failure}");
        }
        if let Err(failure) = runner.run(&parquet::files(), |file| parquet::holds(&file)) {
            panic!("Parquet, seed {seed}: {failure}");
        }
        files += 2 * u64::from(CASES);
        if Instant::now() >= end {
            break;
        }
    }
    println!("{files} files, seeds from {first}");
}
