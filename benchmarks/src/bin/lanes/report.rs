//! The results as tables.

use std::fmt;

use protean::cli::grouped;

use crate::summary::{
    OVERSHOOT_MAX_MS, P99_RATIO_MAX, P999_RATIO_MAX, Results, Run, Summary, Times,
};

/// The results as tables.
pub(crate) struct Report<'r>(pub(crate) &'r Results);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summaries = self.0.summaries();
        latencies(f, &summaries)?;
        imports(f, &summaries)?;
        generator(f, &summaries)?;
        let failed = |run: &&Run| run.outcome.is_err();
        let failed = self.0.runs.iter().filter(failed).count();
        match self.0.errors() {
            0 => write!(f, "Errors: none."),
            errors => write!(
                f,
                "Errors: {errors}, of which {failed} phases that could not be measured. FAILED."
            ),
        }
    }
}

fn latencies(f: &mut fmt::Formatter<'_>, summaries: &[Summary]) -> fmt::Result {
    let head = [
        "requests", "p50", "p95", "p99", "p99.9", "max", "p50", "p99", "p99.9", "max",
    ];
    writeln!(
        f,
        "Times in ms from the instant at which a request was due, against idle; they pass when p99 is \
         at most {P99_RATIO_MAX} times,\np99.9 {P999_RATIO_MAX} times, and the longest at most \
         {OVERSHOOT_MAX_MS} ms longer than that of idle (in brackets: the worst repetition).\n\
         Medians of the repetitions. Requests are those of one; p99.9 rests on the slowest thousandth of them.\n"
    )?;
    write!(f, "{:27}", "")?;
    for name in head {
        write!(f, "{name:>9}")?;
    }
    writeln!(f)?;
    for summary in summaries.iter().filter(|one| one.per_second > 0) {
        let phase = summary.phase.name();
        let label = format!("{}/s {phase}", summary.per_second);
        times(f, summary, &format!("{label:15}202"), &summary.answered)?;
        times(f, summary, &format!("{:15}visible", ""), &summary.visible)?;
    }
    writeln!(f)
}

fn times(f: &mut fmt::Formatter<'_>, of: &Summary, label: &str, times: &Times) -> fmt::Result {
    let Times {
        figures,
        against_idle,
    } = times;
    write!(f, "{label:27}{:>9}", grouped(figures.count))?;
    for value in [
        figures.p50,
        figures.p95,
        figures.p99,
        figures.p999,
        figures.max,
    ] {
        write!(f, "{value:>9.2}")?;
    }
    let Some(against) = against_idle else {
        return writeln!(f);
    };
    for ratio in [against.p50, against.p99, against.p999] {
        let ratio = format!("{ratio:.2}x");
        write!(f, "{ratio:>9}")?;
    }
    write!(
        f,
        "{:>+9.1} ({:+.1})",
        against.over_ms, against.over_worst_ms
    )?;
    if !of.phase.is_bound() {
        return writeln!(f);
    }
    match against.broken().as_slice() {
        [] => writeln!(f, "  pass"),
        broken => writeln!(f, "  FAIL: {}", broken.join(", ")),
    }
}

fn imports(f: &mut fmt::Formatter<'_>, summaries: &[Summary]) -> fmt::Result {
    let import = |one: &&Summary| one.phase.imports();
    let head = [
        "books/s",
        "of off",
        "of off alone",
        "least backlog",
        "dry looks",
        "file ended",
    ];
    writeln!(
        f,
        "The import: books that came into the catalog, as a part of those without lanes with the same \
         requests, and with none."
    )?;
    write!(f, "{:16}", "")?;
    for name in head {
        write!(f, "{name:>15}")?;
    }
    writeln!(f)?;
    for summary in summaries.iter().filter(import) {
        let label = format!("{}/s {}", summary.per_second, summary.phase.name());
        let part = |part: Option<f64>| {
            part.map_or_else(|| "-".to_owned(), |part| format!("{:.1} %", part * 100.0))
        };
        writeln!(
            f,
            "{label:16}{:>15.0}{:>15}{:>15}{:>15}{:>15}{:>15}",
            summary.books_per_second,
            part(summary.of_off),
            part(summary.of_off_alone),
            grouped(summary.backlog_least),
            format!("{} of {}", summary.dry, summary.looks),
            summary.import_ended,
        )?;
    }
    writeln!(f)
}

fn generator(f: &mut fmt::Formatter<'_>, summaries: &[Summary]) -> fmt::Result {
    writeln!(
        f,
        "The benchmark itself: processors it used, and how late it took requests up, in ms; what was \
         wrong in all repetitions."
    )?;
    writeln!(
        f,
        "{:16}{:>15}{:>15}{:>15}{:>15}{:>15}{:>15}",
        "", "processors", "late p50", "late p99", "late max", "errors", "not in 30 s"
    )?;
    for summary in summaries {
        let label = format!("{}/s {}", summary.per_second, summary.phase.name());
        writeln!(
            f,
            "{label:16}{:>15.3}{:>15.2}{:>15.2}{:>15.2}{:>15}{:>15}",
            summary.processors,
            summary.late.p50,
            summary.late.p99,
            summary.late.max,
            summary.errors,
            summary.missed,
        )?;
    }
    writeln!(f)
}
