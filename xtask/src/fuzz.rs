//! `cargo xtask fuzz`: files made at random against the readers of the import, in release mode.

use std::path::Path;

use anyhow::Result;

use crate::process;

const PACKAGE: &str = "protean-import";
const TEST: &str = "fuzz";

/// Makes files for so many seconds, from this seed on.
///
/// # Errors
/// When something does not hold of a file: the file and its seed have been printed.
pub(crate) fn run(root: &Path, seconds: u64, seed: u64) -> Result<()> {
    let options = ["test", "--release", "--package", PACKAGE, "--test", TEST];
    let mut command = process::cargo(root);
    command
        .args(options)
        .args(["--", "--nocapture"])
        .env("PROTEAN_FUZZ_SECONDS", seconds.to_string())
        .env("PROTEAN_FUZZ_SEED", seed.to_string());
    process::run(&mut command)
}
