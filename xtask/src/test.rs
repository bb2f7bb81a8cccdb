//! `cargo xtask test`: everything a change has to pass.

use std::path::Path;

use anyhow::Result;

use crate::step::{self, Step};
use crate::{lint, packages, process, python};

/// The packages whose programs are started by tests.
const PROGRAMS_OF: [&str; 2] = ["bookshelf", "protean-cli"];

/// The profile that these are built with, which is also the name of their folder.
const PROFILE: &str = "tested";

/// Tells tests where these programs are: an absolute path.
const BIN_DIR_VARIABLE: &str = "PROTEAN_TEST_BIN_DIR";

/// Checks the machine, the form of the code, and runs the tests, documentation included.
///
/// With filters, only the tests whose name contains one of them are run; all else stays.
///
/// # Errors
/// What the first step to fail reported.
pub(crate) fn run(root: &Path, filters: &[String]) -> Result<()> {
    let target = process::target(root)?;
    let mut steps = vec![Step::new("packages", packages::ensure)];
    steps.extend(lint::steps(root));
    steps.push(Step::new("python", || python::ensure(root, &target)));
    steps.push(Step::new("programs", || build(root)));
    steps.push(Step::new("tests", || test(root, &target, filters)));
    step::run_all(steps)
}

fn build(root: &Path) -> Result<()> {
    let packages = PROGRAMS_OF
        .iter()
        .flat_map(|package| ["--package", package]);
    process::run(
        process::cargo(root)
            .args(["build", "--profile", PROFILE])
            .args(packages),
    )
}

fn test(root: &Path, target: &Path, filters: &[String]) -> Result<()> {
    let mut command = process::cargo(root);
    command
        // One failure hides no other.
        .args(["test", "--workspace", "--no-fail-fast"])
        .env(BIN_DIR_VARIABLE, target.join(PROFILE))
        .env(python::PROGRAM_VARIABLE, python::program(target))
        // Nothing is written beside the files of the tests.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // A snapshot that differs is a failure, and nothing is written.
        .env("INSTA_UPDATE", "no");
    if !filters.is_empty() {
        command.arg("--").args(filters);
    }
    process::run(&mut command)
}
