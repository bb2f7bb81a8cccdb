//! Moving what was written from the write-ahead log into the file, where no writer waits for it.
//!
//! A checkpoint flushes, which takes as long as the disk likes. So no writer does it: a thread of
//! its own does, without the write lock. Under a load that never pauses the log would still grow,
//! since it starts over only when all of it is in the file; then the thread keeps backfill writers
//! out, but no primary ones, until the little that came meanwhile is in the file as well.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use protean_core::port;
use protean_core::thread::stand_back;
use rusqlite::Connection;

use crate::error;
use crate::turnstile::{Turnstile, lock_file};

/// The least time between two checkpoints.
const INTERVAL: Duration = Duration::from_millis(200);

/// The pages in the log from which it is made to start over: 32 MiB.
const LOG_PAGES_MAX: i64 = 8_192;

/// How often the rest of the log is tried in the quiet: primary writers may go on adding to it.
const QUIET_TRIES: u32 = 4;

/// Tells the thread that something was written.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    written: SyncSender<()>,
}

impl Checkpointer {
    /// Starts the thread, which ends with this handle.
    pub(crate) fn start(path: &Path, locks: &Path) -> Result<Self, port::Error> {
        let opening = |error: rusqlite::Error| error::failed("opening the checkpointer", &error);
        let file = |error: std::io::Error| error::file("the checkpointer", &error);
        let connection = Connection::open(path).map_err(opening)?;
        connection.busy_timeout(Duration::ZERO).map_err(opening)?;
        connection
            .pragma_update(None, "wal_autocheckpoint", 0)
            .map_err(opening)?;
        let turnstile = Turnstile::open(locks).map_err(file)?;
        let exclusive = lock_file(&locks.join("checkpoint")).map_err(file)?;
        // One signal says it all.
        let (written, signals) = sync_channel(1);
        let thread = Thread {
            connection,
            turnstile,
            exclusive,
        };
        std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || thread.run(&signals))
            .map_err(file)?;
        Ok(Self { written })
    }

    /// Something was written.
    pub(crate) fn written(&self) {
        // A signal that waits already is enough.
        let _ = self.written.try_send(());
    }
}

struct Thread {
    connection: Connection,
    turnstile: Turnstile,
    exclusive: std::fs::File,
}

impl Thread {
    fn run(&self, signals: &Receiver<()>) {
        stand_back();
        while signals.recv().is_ok() {
            if self.exclusive.try_lock().is_ok() {
                if let Err(error) = self.checkpoint() {
                    tracing::debug!(%error, "no checkpoint this time");
                }
                self.exclusive.unlock().ok();
            }
            std::thread::sleep(INTERVAL);
        }
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        let (log, _) = self.passive()?;
        if log < LOG_PAGES_MAX {
            return Ok(());
        }
        let mut result = Ok(());
        let quiet = self.turnstile.without_backfill(|| {
            for _ in 0..QUIET_TRIES {
                match self.passive() {
                    Ok((log, moved)) if moved < log => {}
                    other => {
                        result = other.map(drop);
                        break;
                    }
                }
            }
        });
        if let Err(error) = quiet {
            tracing::debug!(%error, "no quiet for a checkpoint");
        }
        result
    }

    /// Moves what no reader holds back; says how many pages the log has, and how many of them are in
    /// the file.
    fn passive(&self) -> rusqlite::Result<(i64, i64)> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                Ok((row.get(1)?, row.get(2)?))
            })
    }
}
