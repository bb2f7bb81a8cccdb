//! What the demonstration came to.

use std::fmt;
use std::time::Duration;

use protean::cli::grouped;

use super::Books;
use super::check::Check;
use super::latency::{Figures, Latencies};

/// Faults that are printed; there is no need to see more.
const FAULTS_SHOWN: usize = 10;

/// What the demonstration came to.
pub(super) struct Report {
    pub(super) books: Books,
    pub(super) idle: Latencies,
    pub(super) busy: Latencies,
    pub(super) check: Check,
    pub(super) peak_memory: Option<u64>,
    /// The most memory that Redis had in use, if there is one.
    pub(super) redis_peak: Option<u64>,
}

impl Report {
    /// Whether everything is there exactly once.
    pub(super) const fn passed(&self) -> bool {
        self.check.faults.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Books { tally, took } = &self.books;
        writeln!(
            f,
            "Books   {} imported, {} rejected, {} duplicates: {} books/s from the file to the catalog",
            grouped(tally.imported),
            grouped(tally.rejected),
            grouped(tally.duplicates),
            grouped(per_second(tally.imported, *took)),
        )?;
        writeln!(
            f,
            "Orders  {} while idle, {} during the import; times in ms\n",
            self.idle.count(),
            self.busy.count()
        )?;
        writeln!(f, "{:24}{:>8}{:>8}{:>8}", "", "p50", "p99", "max")?;
        table(
            f,
            "accepted (202)",
            self.idle.accepted(),
            self.busy.accepted(),
        )?;
        table(
            f,
            "handled (in GET)",
            self.idle.handled(),
            self.busy.handled(),
        )?;
        if let Some(bytes) = self.peak_memory {
            writeln!(f, "Server  {} MB at most", bytes / 1_000_000)?;
        }
        if let Some(bytes) = self.redis_peak {
            writeln!(f, "Redis   {} MB at most", bytes / 1_000_000)?;
        }
        self.verdict(f)
    }
}

impl Report {
    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check {
            books,
            orders,
            faults,
        } = &self.check;
        if faults.is_empty() {
            let books = grouped(*books);
            return write!(
                f,
                "Check   {books} books and {orders} orders, each exactly once: passed"
            );
        }
        write!(f, "Check   FAILED: {} faults", faults.len())?;
        for fault in faults.iter().take(FAULTS_SHOWN) {
            write!(f, "\n        {fault}")?;
        }
        Ok(())
    }
}

fn table(f: &mut fmt::Formatter<'_>, what: &str, idle: Figures, busy: Figures) -> fmt::Result {
    row(f, &format!("{what}, idle"), idle, milliseconds)?;
    row(f, "  during the import", busy, milliseconds)?;
    let ratio = |part: fn(&Figures) -> Duration| {
        let (busy, idle) = (part(&busy).as_secs_f64(), part(&idle).as_secs_f64());
        format!("{:.2}x", busy / idle.max(f64::MIN_POSITIVE))
    };
    let ratios = [ratio(|of| of.p50), ratio(|of| of.p99), ratio(|of| of.max)];
    let [p50, p99, max] = ratios;
    writeln!(f, "{:24}{p50:>8}{p99:>8}{max:>8}\n", "  ratio")
}

fn row(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    figures: Figures,
    text: fn(Duration) -> String,
) -> fmt::Result {
    let Figures { p50, p99, max } = figures;
    writeln!(
        f,
        "{label:24}{:>8}{:>8}{:>8}",
        text(p50),
        text(p99),
        text(max)
    )
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1_000.0)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a rate of books is positive and far below 2^52"
)]
fn per_second(count: u64, took: Duration) -> u64 {
    (count as f64 / took.as_secs_f64()).round() as u64
}
