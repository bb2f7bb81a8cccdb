//! What was measured, as tables in Markdown.

use std::fmt;

use protean::cli::grouped;
use protean_benchmarks::figures::{Figures, median};

use crate::peer::Peer;
use crate::plan::{Entry, Plan};
use crate::trial::{Measured, Orders};

/// What was measured, as tables in Markdown.
pub(crate) struct Report<'r> {
    pub(crate) plan: &'r Plan,
    pub(crate) entries: &'r [Entry],
}

/// All repetitions of one peer: the median of each figure, and the greatest of memory.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) peer: Peer,
    pub(crate) repetitions: usize,
    pub(crate) books_per_second: f64,
    pub(crate) busy_books_per_second: f64,
    pub(crate) idle: Orders,
    pub(crate) busy: Orders,
    pub(crate) memory_bytes: u64,
    pub(crate) redis_bytes: Option<u64>,
    /// The fewest books that were in when patience ended.
    pub(crate) books: u64,
    pub(crate) bulk_ended: bool,
}

/// One line for each peer that was measured, in the order of the table.
pub(crate) fn summaries(plan: &Plan, entries: &[Entry]) -> Vec<Summary> {
    let peers = plan.peers().into_iter();
    peers
        .filter_map(|peer| {
            let ours = entries.iter().filter(|entry| entry.peer == peer);
            let all: Vec<&Measured> = ours.filter_map(|one| one.outcome.as_ref().ok()).collect();
            Summary::of(peer, &all)
        })
        .collect()
}

impl Summary {
    fn of(peer: Peer, all: &[&Measured]) -> Option<Self> {
        let orders = |part: fn(&Measured) -> Orders| {
            let figures: Vec<Figures> = all.iter().map(|one| part(one).visible).collect();
            Orders {
                visible: Figures::median(&figures),
                missed: all.iter().map(|one| part(one).missed).sum(),
            }
        };
        Some(Self {
            peer,
            repetitions: all.len(),
            books_per_second: median(all.iter().map(|one| one.bulk.rate()))?,
            busy_books_per_second: median(all.iter().map(|one| one.busy_books_per_second))?,
            idle: orders(|one| one.idle),
            busy: orders(|one| one.busy),
            memory_bytes: all.iter().map(|one| one.bulk.memory_bytes).max()?,
            redis_bytes: all.iter().filter_map(|one| one.bulk.redis_bytes).max(),
            books: all.iter().map(|one| one.bulk.books).min()?,
            bulk_ended: all.iter().any(|one| one.bulk_ended),
        })
    }

    /// What the figures alone do not say.
    fn remarks(&self, plan: &Plan) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.books < plan.rows {
            let (books, rows) = (grouped(self.books), grouped(plan.rows));
            remarks.push(format!("{books} of {rows} books in {} s", plan.patience));
        }
        let missed = self.idle.missed + self.busy.missed;
        if missed > 0 {
            remarks.push(format!(
                "{missed} orders could not be seen in 30 s, and count as that"
            ));
        }
        if self.bulk_ended {
            remarks.push("the books were all in before the last order was due".to_owned());
        }
        if (self.repetitions as u64) < u64::from(plan.repetitions) {
            remarks.push(format!("repetitions: {}", self.repetitions));
        }
        remarks
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        writeln!(
            f,
            "{processors} virtual processors with everything on them, {} books, {} orders per second \
             for {} s; times in milliseconds, medians of {} repetitions:\n",
            grouped(plan.rows),
            plan.rate,
            plan.seconds,
            plan.repetitions,
        )?;
        let summaries = summaries(plan, self.entries);
        figures(f, &summaries)?;
        for summary in &summaries {
            for remark in summary.remarks(plan) {
                writeln!(f, "\n{}: {remark}.", summary.peer.title())?;
            }
        }
        for entry in self.entries {
            if let Err(why) = &entry.outcome {
                // The program's own account of where it was is on the terminal.
                let why = why.lines().next().unwrap_or_default();
                writeln!(f, "\n{}: not measured: {why}", entry.peer.title())?;
            }
        }
        Ok(())
    }
}

fn figures(f: &mut fmt::Formatter<'_>, summaries: &[Summary]) -> fmt::Result {
    writeln!(
        f,
        "| | books/s | books/s with orders | order visible, idle, p50 | p99 | during the bulk, p50 | \
         p99 | MB | Redis MB |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    for one in summaries {
        let (idle, busy) = (one.idle.visible, one.busy.visible);
        let redis = one.redis_bytes.map_or_else(String::new, megabytes);
        writeln!(
            f,
            "| {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {redis} |",
            one.peer.title(),
            rounded(one.books_per_second),
            rounded(one.busy_books_per_second),
            idle.p50,
            idle.p99,
            busy.p50,
            busy.p99,
            megabytes(one.memory_bytes),
        )?;
    }
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive and far below 2^52"
)]
fn rounded(rate: f64) -> String {
    grouped(rate.round() as u64)
}

fn megabytes(bytes: u64) -> String {
    (bytes / 1_000_000).to_string()
}

/// One measurement, for whoever waits.
pub(crate) fn line(entry: &Entry) -> String {
    let head = format!("{:>3}  {:16}", entry.repetition, entry.peer.name());
    let measured = match &entry.outcome {
        Err(why) => return format!("{head}not measured: {why}"),
        Ok(measured) => measured,
    };
    let orders = |orders: &Orders| {
        let Figures { p50, p99, .. } = orders.visible;
        format!("p50 {p50:.1} p99 {p99:.1} ms, {} missed", orders.missed)
    };
    format!(
        "{head}{} of the books at {:.0}/s, {} MB; orders idle {}; during the bulk {} ({:.0} books/s)",
        grouped(measured.bulk.books),
        measured.bulk.rate(),
        megabytes(measured.bulk.memory_bytes),
        orders(&measured.idle),
        orders(&measured.busy),
        measured.busy_books_per_second,
    )
}
