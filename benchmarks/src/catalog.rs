//! The file that is imported while something else is measured.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::program;

/// What the file is called in the folder of a shop.
pub const FILE: &str = "catalog.csv";

/// Writes a catalog of so many books, and waits until the disk has it: it must not be busy with that
/// while something is measured.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, rows: u64) -> Result<()> {
    let file = File::create(path)?;
    bookshelf::sample::write_catalog(rows, BufWriter::new(&file))?;
    Ok(file.sync_all()?)
}

/// Has the importer of the example take in the [`FILE`] of a shop's folder, and waits for its end.
/// Blocks the thread.
///
/// # Errors
/// When it is not there, or fails.
pub fn take_in(home: &Path) -> Result<()> {
    let output = Command::new(program("import_vintage_press")?)
        .args([FILE, "--json"])
        .current_dir(home)
        .output()?;
    ensure!(output.status.success(), "the importer failed: {output:?}");
    Ok(())
}
