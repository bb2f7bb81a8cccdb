//! Runs schedules: `simulate [--schedules N] [--seed S]`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to the person who started it"
)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use protean_simulation::{Failure, run, run_traced};

/// Schedules that are run unless somebody says how many.
const SCHEDULES: u64 = 10_000;

/// What the process answers to arguments that make no sense.
const EXIT_USAGE: u8 = 2;

/// What is to be run.
struct Wanted {
    schedules: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let wanted = match parse(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(reason) => {
            eprintln!("error: {reason}\n\nUsage: simulate [--schedules N] [--seed S]");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match simulate(&wanted) {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            report(&failure);
            ExitCode::FAILURE
        }
    }
}

/// A seed alone is one schedule.
fn parse(args: impl IntoIterator<Item = String>) -> Result<Wanted, String> {
    let (mut schedules, mut seed) = (None, None);
    let mut args = args.into_iter();
    while let Some(name) = args.next() {
        let value = args.next().unwrap_or_default();
        let number = value
            .parse()
            .map_err(|_| format!("expected a number after {name}, found \"{value}\""))?;
        match name.as_str() {
            "--schedules" => schedules = Some(number),
            "--seed" => seed = Some(number),
            _ => return Err(format!("expected --schedules or --seed, found \"{name}\"")),
        }
    }
    Ok(Wanted {
        schedules: schedules.unwrap_or_else(|| if seed.is_some() { 1 } else { SCHEDULES }),
        seed: seed.unwrap_or(1),
    })
}

/// Runs schedules on all processors; the failure of the lowest seed that was found, if any.
fn simulate(wanted: &Wanted) -> Option<Box<Failure>> {
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, steps, messages) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let broken = AtomicBool::new(false);
    let work = || {
        while !broken.load(Ordering::Relaxed) {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= wanted.schedules {
                return None;
            }
            match run(wanted.seed.wrapping_add(nth), None) {
                Ok(report) => {
                    steps.fetch_add(report.steps, Ordering::Relaxed);
                    messages.fetch_add(report.messages as u64, Ordering::Relaxed);
                }
                Err(failure) => {
                    broken.store(true, Ordering::Relaxed);
                    return Some(failure);
                }
            }
        }
        None
    };
    let mut failures: Vec<Box<Failure>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.filter_map(|end| end.ok().flatten()).collect()
    });
    failures.sort_by_key(|failure| failure.seed);
    if failures.is_empty() {
        println!(
            "{} schedules from seed {}: {} steps, {} messages, every promise kept, {:.1} s",
            wanted.schedules,
            wanted.seed,
            steps.into_inner(),
            messages.into_inner(),
            started.elapsed().as_secs_f64()
        );
    }
    failures.into_iter().next()
}

/// Prints a failure, with the last steps before it.
fn report(failure: &Failure) {
    let traced = run_traced(failure.seed, None);
    if let Err(traced) = &traced {
        traced.trace.iter().for_each(|step| println!("{step}"));
    }
    let violation = &failure.violation;
    println!(
        "seed {}: {:?} is broken after {:?}: {}\nagain: cargo xtask simulate --seed {}",
        failure.seed, violation.invariant, violation.at, violation.what, failure.seed
    );
}
