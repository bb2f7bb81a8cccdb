//! The servers that are alive: a file for each among the locks, which it holds locked, so that any
//! death is seen at once. Nothing of it is written to the database: a server that has nothing to do
//! leaves the disk in peace.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use protean_core::BoxFuture;
use protean_core::port::servers::{Alive, Server, from_text, to_text};
use protean_core::port::{self, Servers};
use uuid::Uuid;

use crate::Sqlite;
use crate::error::file;
use crate::turnstile::lock_file;

/// What the files' names end with.
const EXTENSION: &str = "server";

/// How often a file is read that is just being written: a line is written in no time.
const READS_MAX: u32 = 4;

/// The file of the server that this process is.
#[derive(Debug)]
pub(crate) struct Sign {
    id: Uuid,
    path: PathBuf,
    file: File,
}

impl Sign {
    /// Makes the file; `None` when somebody took it for that of a dead one before it was locked.
    fn open(folder: &Path, id: Uuid) -> io::Result<Option<Self>> {
        let path = folder.join(format!("{}.{EXTENSION}", id.simple()));
        let file = lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        let is_there = match fs::metadata(&path) {
            Ok(found) => found.ino() == file.metadata()?.ino(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        Ok(is_there.then_some(Self { id, path, file }))
    }

    /// Blanks follow, so that nothing is left of a longer line before.
    fn write(&self, server: &Server) -> io::Result<()> {
        let known = usize::try_from(self.file.metadata()?.len()).unwrap_or_default();
        let line = format!("{:<known$}", to_text(server));
        self.file.write_all_at(line.as_bytes(), 0)
    }
}

/// A file that was left goes with its server.
impl Drop for Sign {
    fn drop(&mut self) {
        // Whoever looks next removes it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Sqlite {
    fn tell_now(&self, server: &Server) -> io::Result<()> {
        let mut sign = self
            .inner
            .sign
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if sign.as_ref().is_none_or(|sign| sign.id != server.id) {
            *sign = Sign::open(&self.inner.locks, server.id)?;
        }
        sign.as_ref().map_or(Ok(()), |sign| sign.write(server))
    }
}

impl Servers for Sqlite {
    fn tell<'a>(&'a self, server: &'a Server) -> BoxFuture<'a, Result<(), port::Error>> {
        Box::pin(async move {
            let told = self.tell_now(server);
            told.map_err(|error| file("a server's sign of life", &error))
        })
    }

    fn leave(&self, id: Uuid) -> BoxFuture<'_, Result<(), port::Error>> {
        Box::pin(async move {
            let mut sign = self
                .inner
                .sign
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            drop(sign.take_if(|sign| sign.id == id));
            Ok(())
        })
    }

    fn alive(&self) -> BoxFuture<'_, Result<Vec<Alive>, port::Error>> {
        Box::pin(async move {
            let found = alive(&self.inner.locks);
            found.map_err(|error| file("the servers", &error))
        })
    }
}

/// Those whose files are locked; the files of the dead are removed.
fn alive(folder: &Path) -> io::Result<Vec<Alive>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == EXTENSION) {
            match look(&path) {
                Ok(found) => all.extend(found),
                // It has just gone.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    all.sort_by_key(|one: &Alive| (one.server.started, one.server.id));
    Ok(all)
}

fn look(path: &Path) -> io::Result<Option<Alive>> {
    let mut file = File::open(path)?;
    // Shared, so that two who look at once do not take each other for the server.
    match file.try_lock_shared() {
        Ok(()) => return fs::remove_file(path).map(|()| None),
        Err(fs::TryLockError::WouldBlock) => {}
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    for _ in 0..READS_MAX {
        let seen = file.metadata()?.modified()?.elapsed();
        let mut text = String::new();
        io::Seek::rewind(&mut file)?;
        file.read_to_string(&mut text)?;
        let found = from_text(&text, seen.unwrap_or(Duration::ZERO));
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
