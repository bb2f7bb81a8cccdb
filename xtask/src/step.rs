//! The steps of a task: each with a heading and a time, and a table of all of them at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// One part of a task.
pub(crate) struct Step<'a> {
    name: &'static str,
    work: Box<dyn FnOnce() -> Result<()> + 'a>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(name: &'static str, work: impl FnOnce() -> Result<()> + 'a) -> Self {
        Self {
            name,
            work: Box::new(work),
        }
    }
}

/// How a step came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

/// Runs the steps in order up to the first that fails, then prints the table.
///
/// # Errors
/// What the failed step reported.
pub(crate) fn run_all(steps: Vec<Step<'_>>) -> Result<()> {
    let (rows, result) = outcomes(steps);
    print!("\n{}", table(&rows));
    result
}

fn outcomes(steps: Vec<Step<'_>>) -> (Vec<(&'static str, Outcome)>, Result<()>) {
    let count = steps.len();
    let mut rows = Vec::with_capacity(count);
    let mut result = Ok(());
    for (index, Step { name, work }) in steps.into_iter().enumerate() {
        if result.is_err() {
            rows.push((name, Outcome::NotRun));
            continue;
        }
        println!("\n==> [{}/{count}] {name}", index + 1);
        let start = Instant::now();
        result = work().with_context(|| format!("step `{name}`"));
        let took = start.elapsed();
        println!("<== {name}: {}", elapsed(took));
        rows.push((
            name,
            if result.is_ok() {
                Outcome::Passed(took)
            } else {
                Outcome::Failed(took)
            },
        ));
    }
    (rows, result)
}

fn table(rows: &[(&str, Outcome)]) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0)
        .max("Total".len());
    let mut total = Duration::ZERO;
    let mut text = format!("{:width$}  Result   Time\n", "Step");
    for (name, outcome) in rows {
        let (result, took) = match *outcome {
            Outcome::Passed(took) => ("passed", Some(took)),
            Outcome::Failed(took) => ("FAILED", Some(took)),
            Outcome::NotRun => ("not run", None),
        };
        total += took.unwrap_or_default();
        let took = took.map_or_else(|| "-".to_owned(), elapsed);
        let _ = writeln!(text, "{name:width$}  {result:7}  {took}");
    }
    let _ = writeln!(text, "{:width$}  {:7}  {}", "Total", "", elapsed(total));
    text
}

/// A time as people read it: `4.2s`, `3m 07s`.
fn elapsed(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        return format!("{seconds}.{}s", took.subsec_millis() / 100);
    }
    format!("{}m {:02}s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_first_failure_ends_the_task() {
        let later = Cell::new(false);
        let steps = vec![
            Step::new("one", || Ok(())),
            Step::new("two", || anyhow::bail!("broken")),
            Step::new("three", || {
                later.set(true);
                Ok(())
            }),
        ];
        let (rows, result) = outcomes(steps);
        assert_eq!(format!("{:#}", result.unwrap_err()), "step `two`: broken");
        assert!(!later.get(), "a step ran after the failure");
        assert!(matches!(
            rows.as_slice(),
            [
                ("one", Outcome::Passed(_)),
                ("two", Outcome::Failed(_)),
                ("three", Outcome::NotRun)
            ]
        ));
    }

    #[test]
    fn the_table_adds_the_times_up() {
        let rows = [
            ("rustfmt", Outcome::Passed(Duration::from_millis(1_250))),
            ("clippy", Outcome::Failed(Duration::from_secs(61))),
            ("tests", Outcome::NotRun),
        ];
        let expected = "\
Step     Result   Time
rustfmt  passed   1.2s
clippy   FAILED   1m 01s
tests    not run  -
Total             1m 02s
";
        assert_eq!(table(&rows), expected);
    }
}
