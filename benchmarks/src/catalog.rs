//! The file that is imported while something else is measured.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Result;

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
