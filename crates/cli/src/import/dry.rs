//! What an import would do.

use std::fmt::Write as _;
use std::path::Path;

use protean_core::domain::Intake;
use protean_import::{Common, dry_run};
use serde_json::json;

use super::Ending;
use super::arguments::Arguments;
use crate::output::Report;
use crate::{Error, grouped};

/// Checks all rows of a file, and writes nothing.
pub(super) fn run(arguments: &Arguments, intake: &Intake, file: &Path) -> Result<Ending, Error> {
    let (mut source, mapping) = arguments.open(intake, file)?;
    let report = dry_run(&mut source, &mapping, intake, Arguments::workers())?;
    let mut data = json!(report);
    data["source"] = json!(file.display().to_string());
    data["command"] = json!(intake.name());
    data["dry_run"] = json!(true);
    Ok(Ending {
        is_all_in: report.rejected == 0,
        report: Report {
            text: text(&report, intake, file),
            data,
        },
    })
}

fn text(report: &protean_import::Report, intake: &Intake, file: &Path) -> String {
    let mut text = format!(
        "{}: {} rows, {} would be accepted as {}, {} rejected. Nothing was written.\n",
        file.display(),
        grouped(report.rows),
        grouped(report.accepted),
        intake.name(),
        grouped(report.rejected)
    );
    // Writing to a text cannot fail.
    if !report.ignored_columns.is_empty() {
        let _ = writeln!(
            text,
            "Ignored columns: {}",
            report.ignored_columns.join(", ")
        );
    }
    if !report.unfilled_fields.is_empty() {
        let _ = writeln!(text, "Empty fields: {}", report.unfilled_fields.join(", "));
    }
    if !report.errors.is_empty() {
        text.push_str("The commonest errors:\n");
    }
    for error in &report.errors {
        let _ = writeln!(text, "  {}", of_error(error));
    }
    if report.other_errors > 0 {
        let _ = writeln!(text, "  {} x others", grouped(report.other_errors));
    }
    if !report.sample.is_empty() {
        text.push_str("The first commands:\n");
    }
    for sample in &report.sample {
        let _ = writeln!(text, "  line {}: {}", sample.line, sample.command);
    }
    text
}

fn of_error(error: &Common) -> String {
    let lines: Vec<_> = error.lines.iter().map(u64::to_string).collect();
    let field = error
        .field
        .as_ref()
        .map_or_else(String::new, |field| format!("{field}: "));
    format!(
        "{} x {field}{} (line {})",
        grouped(error.count),
        error.example,
        lines.join(", ")
    )
}
