//! `cargo xtask lint`: the form of the code.

use std::path::Path;

use anyhow::Result;

use crate::process;
use crate::step::{self, Step};
use crate::tidy;

/// Runs rustfmt, clippy and tidy.
///
/// # Errors
/// What the first of them to fail reported.
pub(crate) fn run(root: &Path) -> Result<()> {
    step::run_all(steps(root))
}

/// The three as steps, the cheap ones first.
pub(crate) fn steps(root: &Path) -> Vec<Step<'_>> {
    vec![
        Step::new("rustfmt", || {
            process::run(process::cargo(root).args(["fmt", "--all", "--check"]))
        }),
        Step::new("tidy", || tidy::run(root)),
        Step::new("clippy", || {
            let args = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ];
            process::run(process::cargo(root).args(args))
        }),
    ]
}
