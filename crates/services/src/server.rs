//! What PostgreSQL and Redis have in common: a folder, a port, and a process that comes and goes.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::guard::{self, Guard, Launch};
use crate::port::Port;
use crate::{Error, wait};

/// How long a server may take to get ready. It takes a second, and many times that when it recovers
/// on a machine that also builds.
pub(crate) const READY_LIMIT: Duration = Duration::from_secs(60);

/// How long one attempt to connect may take; on one machine there is nothing to wait for.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// A server that can be ended and started again, with the same port and data.
///
/// The order of the fields is that in which they are dropped: the process first.
#[derive(Debug)]
pub(crate) struct Server {
    running: Mutex<Option<Guard>>,
    launch: Launch,
    /// The signal that asks it to end properly.
    stop: Signal,
    port: Port,
    _folder: TempDir,
}

impl Server {
    /// A server that is not started yet.
    pub(crate) const fn new(launch: Launch, stop: Signal, port: Port, folder: TempDir) -> Self {
        Self {
            running: Mutex::new(None),
            launch,
            stop,
            port,
            _folder: folder,
        }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        let mut running = self.running();
        let guard = running.as_mut()?;
        (!guard.has_ended()).then(|| guard.pid())
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        guard::tail(&self.launch.log())
    }

    /// Starts it, and waits until it listens and `ready` says that it can be used.
    ///
    /// # Errors
    /// When it runs already, cannot be started, ends at once, or takes too long to get ready.
    pub(crate) fn start(&self, mut ready: impl FnMut() -> bool) -> Result<(), Error> {
        let mut running = self.running();
        if running.as_mut().is_some_and(|guard| !guard.has_ended()) {
            let server = self.launch.name;
            return Err(Error::Running { server });
        }
        *running = None;
        let mut guard = self.launch.start()?;
        let mut ended = false;
        let up = wait::until(READY_LIMIT, || {
            ended = guard.has_ended();
            ended || self.listens() && ready()
        });
        if !up || ended {
            let found = if ended { "it ended" } else { "it is not" };
            return Err(self.not_ready(found));
        }
        *running = Some(guard);
        Ok(())
    }

    /// Asks it to end properly, and waits until it has.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.end(self.stop)
    }

    /// Kills it in the middle of whatever it does, and waits until all its processes are gone.
    ///
    /// # Errors
    /// When it does not run, or some of its processes do not end.
    pub(crate) fn kill(&self) -> Result<(), Error> {
        self.end(Signal::KILL)
    }

    /// The error of a server that did not get ready.
    pub(crate) fn not_ready(&self, found: &'static str) -> Error {
        Error::NotReady {
            server: self.launch.name,
            limit: READY_LIMIT,
            found,
            log: self.log(),
        }
    }

    fn end(&self, signal: Signal) -> Result<(), Error> {
        let mut running = self.running();
        let server = self.launch.name;
        let guard = running.as_mut().ok_or(Error::Stopped { server })?;
        guard.signal(signal)?;
        guard.wait()?;
        *running = None;
        Ok(())
    }

    fn listens(&self) -> bool {
        TcpStream::connect_timeout(&self.port.address(), CONNECT_LIMIT).is_ok()
    }

    /// A panic elsewhere leaves nothing half done here.
    fn running(&self) -> MutexGuard<'_, Option<Guard>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A temporary folder for a server.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn folder(name: &str) -> Result<TempDir, Error> {
    tempfile::Builder::new()
        .prefix(&format!("protean-{name}-"))
        .tempdir()
        .map_err(Error::refused("make a temporary folder"))
}
