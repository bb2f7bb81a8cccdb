//! A file, opened.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protean_core::Lane;
use protean_core::governor::Senses;
use protean_core::port::{self, Tier};
use protean_core::tally::Tally;
use protean_core::thread::stand_back_but_for;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::bell::Bell;
use crate::checkpoint::Checkpointer;
use crate::reader::Readers;
use crate::servers::Sign;
use crate::sql::{Catalog, keep_statements};
use crate::turnstile::Turnstile;
use crate::writer::{Known, Shared, Task, Writer};
use crate::{Options, error, schema};

/// How long SQLite itself waits for its locks. Our writers never need it, for they pass the
/// turnstile first; a shell that somebody opened on the file may.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for a commit, before it is told that the store is not available.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Reading threads for primary work, and for backfill work.
const PRIMARY_READERS: usize = 2;
const BACKFILL_READERS: usize = 1;

/// The memory each writing connection may keep pages in: the hot ends of all tables and indexes.
const WRITER_CACHE_KIB: i64 = 32_768;

/// One SQLite file, as this process uses it: a cheap clone.
#[derive(Clone, Debug)]
pub struct Sqlite {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) locks: PathBuf,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) known: Arc<Known>,
    /// What this process takes part in.
    pub(crate) parts: Tally,
    pub(crate) senses: Arc<Senses>,
    /// Only to be looked at.
    pub(crate) turnstile: Turnstile,
    /// The sign of life of the server that this process is, if it is one.
    pub(crate) sign: Mutex<Option<Sign>>,
    writer: Writer,
    readers: [Readers; 2],
}

impl Sqlite {
    /// Opens a file, which is made with the framework's tables when it is not there. Blocks.
    ///
    /// # Errors
    /// When the file or its folder of locks cannot be used, or when another version made it.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, port::Error> {
        let path = path.as_ref().to_owned();
        let locks = folder_of_locks(&path)?;
        let connect = || connect(&path, options).map_err(|error| failed(&path, &error));
        let connections = [connect()?, connect()?];
        create(&path, &locks, &connections[0])?;
        let turnstile = Turnstile::open(&locks);
        let turnstile = turnstile.map_err(|error| error::file("the turnstile", &error))?;
        let bell = Bell::open(&locks).map_err(|error| error::file("the doorbell", &error))?;
        let shared = Shared {
            catalog: Arc::default(),
            bell: Arc::new(bell),
            checkpointer: Arc::new(Checkpointer::start(&path, &locks)?),
            senses: Arc::new(Senses::new(options.quantum)),
            known: Arc::default(),
        };
        let writer = Writer::start(connections, &locks, options, &shared)?;
        let stand_back = move || stand_back_but_for(options.min_share);
        let readers = [
            Readers::start(&path, PRIMARY_READERS, "reader", || {})?.near(&path)?,
            Readers::start(&path, BACKFILL_READERS, "backfill-reader", stand_back)?,
        ];
        let Shared {
            catalog,
            bell,
            senses,
            known,
            ..
        } = shared;
        let inner = Inner {
            path,
            locks,
            catalog,
            bell,
            known,
            parts: Tally::default(),
            senses,
            turnstile,
            sign: Mutex::default(),
            writer,
            readers,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// This file in every part that a tier has.
    #[must_use]
    pub fn tier(&self) -> Tier {
        let file = Arc::new(self.clone());
        Tier {
            store: file.clone(),
            broker: file.clone(),
            log: file.clone(),
            dead_letters: file.clone(),
            controls: file.clone(),
            imports: file.clone(),
            retention: file.clone(),
            servers: file.clone(),
            tables: file,
        }
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    pub(crate) fn readers(&self, lane: Lane) -> &Readers {
        &self.inner.readers[lane.index()]
    }

    /// Writes in some other way than by a commit; `write` may be run twice.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        rings: Rings,
        mut write: impl FnMut(&Connection) -> Result<T, port::Error> + Send + 'static,
    ) -> Result<T, port::Error> {
        let (reply, answer) = oneshot::channel();
        let written = Arc::new(Mutex::new(None));
        let slot = written.clone();
        let run = move |connection: &Connection| {
            let value = write(connection)?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(())
        };
        let task = Task::new(run, reply);
        self.writer().run(
            lane,
            if rings == Rings::Everything {
                task.ringing()
            } else {
                task
            },
        );
        let ended = || error::unanswered("the write", "the writer has ended");
        let timeout = |_| error::unanswered("the write", "the write lock was not free in time");
        tokio::time::timeout(WRITE_TIMEOUT, answer)
            .await
            .map_err(timeout)?
            .unwrap_or_else(|_| Err(ended()))?;
        let value = written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        value.ok_or_else(ended)
    }
}

/// Whether subscriptions have to look at everything after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rings {
    Nothing,
    Everything,
}

fn failed(path: &Path, error: &rusqlite::Error) -> port::Error {
    error::failed(&format!("opening {}", path.display()), error)
}

/// The folder beside the file in which processes lock and ring.
fn folder_of_locks(path: &Path) -> Result<PathBuf, port::Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("-locks");
    let folder = path.with_file_name(name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| error::file(&format!("the folder {}", folder.display()), &error))?;
    std::fs::canonicalize(&folder)
        .map_err(|error| error::file(&format!("the folder {}", folder.display()), &error))
}

fn connect(path: &Path, options: Options) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // The checkpointer does it, where no writer waits for it.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "synchronous", options.synchronous.pragma())?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Makes the framework's tables, one process at a time.
fn create(path: &Path, locks: &Path, connection: &Connection) -> Result<(), port::Error> {
    let turnstile = Turnstile::open(locks).map_err(|error| error::file("the locks", &error))?;
    let _turn = turnstile
        .enter(Lane::Primary)
        .map_err(|error| error::file("the write lock", &error))?;
    let version = connection
        .pragma_update(None, "journal_mode", "WAL")
        .and_then(|()| schema::create(connection))
        .map_err(|error| failed(path, &error))?;
    if version == schema::VERSION {
        return Ok(());
    }
    let expected = schema::VERSION;
    let why = format!(
        "{} has layout {version}, this version has {expected}",
        path.display()
    );
    Err(port::Error::Tables { why })
}
