//! What processes use of the processors.

use std::time::Duration;

use protean_benchmarks::processes;

/// A process by its name, and what it used for a book, in microseconds.
pub(crate) type Used = (String, f64);

/// What some processes had used of the processors at one moment.
pub(crate) struct Processors(Vec<(&'static str, u32, Duration)>);

impl Processors {
    pub(crate) fn of(processes: Vec<(&'static str, u32)>) -> Self {
        let used = |(name, id)| (name, id, processes::used(id));
        Self(processes.into_iter().map(used).collect())
    }

    /// What they have used since, for each of so many books.
    pub(crate) fn per_book(&self, rows: u64) -> Vec<Used> {
        let since = |(name, id, before): &(&str, u32, Duration)| {
            let used = processes::used(*id).saturating_sub(*before);
            ((*name).to_owned(), per_book_micros(used, rows))
        };
        self.0.iter().map(since).collect()
    }
}

/// A part of it for each of so many books, in microseconds.
#[allow(
    clippy::cast_precision_loss,
    reason = "a catalog has far less than 2^52 rows"
)]
pub(crate) fn per_book_micros(used: Duration, rows: u64) -> f64 {
    used.as_secs_f64() * 1e6 / rows as f64
}
