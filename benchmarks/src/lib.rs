//! What the benchmarks have in common.

pub mod figures;
pub mod look;
pub mod schedule;
pub mod watch;

use std::path::PathBuf;

use anyhow::{Result, ensure};

/// A program beside this one.
///
/// # Errors
/// When there is none, because it was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(name);
    ensure!(
        path.is_file(),
        "expected {}; `cargo xtask bench` builds it",
        path.display()
    );
    Ok(path)
}
