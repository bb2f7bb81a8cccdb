//! Threads that read, each with a connection of its own; primary reads never wait for others.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use protean_core::port;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::error;

/// What a reader does.
type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The memory a reading connection may keep pages in.
const CACHE_KIB: i64 = 8_192;

/// The statements a connection keeps prepared.
pub(crate) const STATEMENTS_MAX: usize = 256;

/// Some threads that read. Callers wait for their answers, which bounds what waits here.
#[derive(Debug)]
pub(crate) struct Readers {
    jobs: Sender<Job>,
}

impl Readers {
    /// Starts this many threads, each of which is first made ready by `prepare`.
    pub(crate) fn start(
        path: &Path,
        threads: usize,
        name: &str,
        prepare: fn(),
    ) -> Result<Self, port::Error> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let connection =
                connect(path).map_err(|error| error::failed("opening a reader", &error))?;
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    prepare();
                    serve(&connection, &waiting);
                })
                .map_err(|error| error::file("a reader's thread", &error))?;
        }
        Ok(Self { jobs })
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

/// A connection that cannot write.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(crate::database::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}
