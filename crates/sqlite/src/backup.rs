//! A copy of the file, while others work on it.
//!
//! SQLite writes the copy from one moment's view of the file, which it has like any reader: writers
//! go on beside it. The log that they append to is not emptied meanwhile, so it grows by what they
//! write. The copying thread stands back for whoever else wants its processor.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use protean_core::port;
use protean_core::thread::stand_back;
use tokio::sync::oneshot;

use crate::{error, reader};

/// What the name of a copy ends with until it is complete.
const UNFINISHED: &str = ".unfinished";

/// Copies a file to a new one, durably; the size of the copy in bytes.
pub(crate) async fn copy(from: PathBuf, to: PathBuf) -> Result<u64, port::Error> {
    let (reply, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name("backup".to_owned())
        .spawn(move || {
            stand_back();
            // Nobody waits any more when the command was interrupted.
            let _ = reply.send(copy_now(&from, &to));
        })
        .map_err(|error| error::file("the thread of the backup", &error))?;
    let ended = |_| Err(error::unanswered("the backup", "its thread has ended"));
    answer.await.unwrap_or_else(ended)
}

fn copy_now(from: &Path, to: &Path) -> Result<u64, port::Error> {
    let what = format!("the backup to {}", to.display());
    let refused = |error: io::Error| error::file(&what, &error);
    if to.try_exists().map_err(refused)? {
        let why = "the file exists, and is not replaced".to_owned();
        return Err(port::Error::Failed { what, why });
    }
    let mut name = to.as_os_str().to_owned();
    name.push(OsString::from(UNFINISHED));
    let unfinished = PathBuf::from(name);
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
        Ok(()) | Err(_) => {}
    }
    write(from, &unfinished).map_err(|error| error::failed(&what, &error))?;
    finish(&unfinished, to).map_err(refused)
}

fn write(from: &Path, to: &Path) -> rusqlite::Result<()> {
    let connection = reader::connect(from)?;
    connection.pragma_update(None, "query_only", false)?;
    connection
        .execute("VACUUM INTO ?1", [to.to_string_lossy()])
        .map(drop)
}

/// Gives the copy its name once it is on the disk.
fn finish(unfinished: &Path, to: &Path) -> io::Result<u64> {
    let file = File::open(unfinished)?;
    file.sync_all()?;
    std::fs::rename(unfinished, to)?;
    let folder = to.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
    Ok(file.metadata()?.len())
}
