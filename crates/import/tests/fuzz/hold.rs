//! What must hold of every file.

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use protean_import::{
    Checked, Error, Mapping, Original, Read, Reject, Rejects, check_in_order, dry_run,
};

use crate::domain::{intake, open_as, workers};
use crate::file::File;

type Outcome = Result<(), TestCaseError>;

/// The name of every file: nothing in it tells the format.
const NAME: &str = "file";

pub(crate) fn all(file: &File) -> Outcome {
    let Ok(source) = open_as(NAME, &*file.bytes, &file.reading) else {
        return Ok(());
    };
    let layout = source.layout().clone();
    let (reads, end) = read(source);
    in_order(&reads)?;
    resumed(file, &reads, end.as_deref())?;
    if let Some(checked) = checked(file, reads.len(), end.as_deref())? {
        reported(file, &checked)?;
        rejects_read_the_same(file, &layout, &checked)?;
    }
    Ok(())
}

fn read(source: protean_import::Source) -> (Vec<Read>, Option<String>) {
    let mut reads = Vec::new();
    for read in source {
        match read {
            Ok(read) => reads.push(read),
            Err(error) => return (reads, Some(error.to_string())),
        }
    }
    (reads, None)
}

/// Rows are numbered, lines go up, and a row that is no reject has a field for each column.
pub(crate) fn in_order(reads: &[Read]) -> Outcome {
    let mut line_before = 0;
    for (nth, read) in reads.iter().enumerate() {
        let (line, ordinal) = match read {
            Ok(row) => (row.line, row.ordinal),
            Err(reject) => (reject.line, reject.ordinal),
        };
        prop_assert_eq!(ordinal, nth as u64);
        prop_assert!(line > line_before, "line {} after {}", line, line_before);
        line_before = line;
        if let Err(reject) = read {
            prop_assert!(!reject.problems.is_empty());
        }
    }
    Ok(())
}

/// Reading goes on behind any row as if it had never been interrupted.
fn resumed(file: &File, reads: &[Read], end: Option<&str>) -> Outcome {
    let from = file.from.index(reads.len() + 1);
    let mut source = open_as(NAME, &*file.bytes, &file.reading).map_err(fail)?;
    prop_assert_eq!(source.skip_rows(from as u64).map_err(fail)?, from as u64);
    let (rest, again) = read(source);
    prop_assert_eq!(&rest, &reads[from..]);
    prop_assert_eq!(again.as_deref(), end);
    Ok(())
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is what errors are mapped by"
)]
fn fail(error: Error) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// All rows are checked, in order, and the file ends as it does without checking.
fn checked(
    file: &File,
    rows: usize,
    end: Option<&str>,
) -> Result<Option<Vec<Checked>>, TestCaseError> {
    let mut source = open_as(NAME, &*file.bytes, &file.reading).map_err(fail)?;
    let Ok(mapping) = Mapping::of(intake().schema, &source, &file.plan) else {
        return Ok(None);
    };
    let mut checked = Vec::new();
    let ended = check_in_order(&mut source, &mapping, intake(), workers(), |chunk| {
        checked.extend(chunk);
        ControlFlow::Continue(())
    });
    let ended = ended.err().map(|error| error.to_string());
    prop_assert_eq!(ended.as_deref(), end);
    prop_assert_eq!(checked.len(), rows);
    for (nth, one) in checked.iter().enumerate() {
        let ordinal = match one {
            Ok((row, _)) => row.ordinal,
            Err(reject) => reject.ordinal,
        };
        prop_assert_eq!(ordinal, nth as u64);
    }
    Ok(Some(checked))
}

/// A dry run counts what an import would find.
fn reported(file: &File, checked: &[Checked]) -> Outcome {
    let mut source = open_as(NAME, &*file.bytes, &file.reading).map_err(fail)?;
    let mapping = Mapping::of(intake().schema, &source, &file.plan).map_err(fail)?;
    let Ok(report) = dry_run(&mut source, &mapping, intake(), workers()) else {
        return Ok(());
    };
    let good = checked.iter().filter(|one| one.is_ok()).count() as u64;
    prop_assert_eq!(report.accepted, good);
    prop_assert_eq!(report.rows, checked.len() as u64);
    prop_assert_eq!(report.rejected, report.rows - good);
    Ok(())
}

/// What is rejected is rejected again from the file of rejects, for the same reasons, and written
/// there as it was found.
fn rejects_read_the_same(
    file: &File,
    layout: &protean_import::Layout,
    checked: &[Checked],
) -> Outcome {
    let rejects: Vec<&Reject> = checked
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    let Some(first) = rejects.first() else {
        return Ok(());
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let mut out = Rejects::create(&path, layout).map_err(fail)?;
    for reject in &rejects {
        out.write(reject).map_err(fail)?;
    }
    drop(out);
    let bytes = std::fs::read(&path).unwrap();
    let source = open_as(NAME, bytes, &file.reading).map_err(fail)?;
    let (again, end) = read(source);
    prop_assert_eq!(end, None);
    prop_assert_eq!(again.len(), rejects.len());
    if matches!(first.original, Original::Line(_)) {
        return Ok(());
    }
    for (again, reject) in again.into_iter().zip(rejects) {
        let again = match again {
            Ok(row) => Reject::of(row, reject.problems.clone()),
            Err(again) => again,
        };
        prop_assert_eq!(&again.original, &reject.original);
    }
    Ok(())
}
