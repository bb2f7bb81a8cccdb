//! Threads that read, each with a connection of its own; primary reads never wait for others.
//!
//! Waking a thread and being woken by it takes longer than finding a row by its key does. What is
//! that brief is read where it is asked for, on a connection that is there for it.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use protean_core::port;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::error;
use crate::sql::keep_statements;

/// What a reader does.
type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The memory a reading connection may keep pages in.
const CACHE_KIB: i64 = 8_192;

/// Some threads that read. Callers wait for their answers, which bounds what waits here.
#[derive(Debug)]
pub(crate) struct Readers {
    jobs: Sender<Job>,
    /// For what is read where it is asked for; `None` where threads have to stand back.
    near: Option<Mutex<Connection>>,
}

impl Readers {
    /// Starts this many threads, each of which is first made ready by `prepare`.
    pub(crate) fn start(
        path: &Path,
        threads: usize,
        name: &str,
        prepare: impl Fn() + Clone + Send + 'static,
    ) -> Result<Self, port::Error> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let connection = open(path)?;
            let (waiting, prepare) = (waiting.clone(), prepare.clone());
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    prepare();
                    serve(&connection, &waiting);
                })
                .map_err(|error| error::file("a reader's thread", &error))?;
        }
        Ok(Self { jobs, near: None })
    }

    /// The same, but what is brief is read where it is asked for.
    pub(crate) fn near(mut self, path: &Path) -> Result<Self, port::Error> {
        self.near = Some(Mutex::new(open(path)?));
        Ok(self)
    }

    /// Reads a few rows that are found by their keys: here and now, unless somebody else does at
    /// this moment, then on one of the threads.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future drops the answer.
    pub(crate) async fn look_up<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, port::Error> + Send + 'static,
    ) -> Result<T, port::Error> {
        if let Some(Ok(connection)) = self.near.as_ref().map(Mutex::try_lock) {
            return job(&connection);
        }
        self.read(job).await
    }

    /// Reads on one of the threads.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future drops the answer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, port::Error> + Send + 'static,
    ) -> Result<T, port::Error> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| drop(reply.send(job(connection))));
        let ended = || error::unanswered("the read", "the readers have ended");
        self.jobs.send(job).map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }
}

fn serve(connection: &Connection, waiting: &Mutex<Receiver<Job>>) {
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}

fn open(path: &Path) -> Result<Connection, port::Error> {
    connect(path).map_err(|error| error::failed("opening a reader", &error))
}

/// A connection that cannot write.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(crate::database::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    keep_statements(&connection)?;
    Ok(connection)
}
