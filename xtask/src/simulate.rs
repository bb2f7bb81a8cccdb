//! `cargo xtask simulate`: random schedules in simulated time, in release mode.

use std::path::Path;

use anyhow::Result;

use crate::process;

const PACKAGE: &str = "protean-simulation";

/// Runs schedules until one breaks a promise; `args` are those of the simulation.
///
/// # Errors
/// When a schedule breaks a promise: its seed and its last steps have been printed.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    let options = ["run", "--release", "--package", PACKAGE, "--"];
    process::run(process::cargo(root).args(options).args(args))
}
