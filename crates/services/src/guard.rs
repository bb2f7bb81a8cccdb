//! A server process that cannot outlive the process that started it.
//!
//! `Drop` does not run in a process that is killed, so the server is not our child but that of a
//! small script, which holds the reading end of a pipe from us. When the pipe closes, whether
//! because we let go or because we are no more, the script ends the server and removes its folder.
//!
//! The server's log tells when all its processes are gone, those included that a killed PostgreSQL
//! leaves behind for a moment: a lock on the log belongs to whoever has inherited the log, and
//! ends with the last of them.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, wait};

/// What runs the server.
const SCRIPT: &str = include_str!("guard.sh");

/// How long a server may take to end: PostgreSQL writes everything to the disk first.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(60);

/// How much of the end of a log is shown: as much as PostgreSQL says to those who ask whether it is
/// ready while it recovers for some seconds, and what it said before.
const LOG_TAIL: u64 = 32 * 1024;

/// How a process is started.
#[derive(Debug)]
pub(crate) struct Launch {
    /// What an error calls it.
    pub(crate) name: &'static str,
    /// Its program and arguments.
    pub(crate) command: Vec<OsString>,
    /// Where it works. It is removed when this process dies.
    pub(crate) folder: PathBuf,
    /// The name of the signal that ends it at once; what it wrote is of no use any more.
    pub(crate) signal: &'static str,
}

/// A process that ends when this is dropped, or this process dies.
#[derive(Debug)]
pub(crate) struct Guard {
    name: &'static str,
    script: Child,
    pid: Pid,
    log: PathBuf,
}

impl Launch {
    /// Where the output of the process goes.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Starts the process.
    ///
    /// # Errors
    /// When processes of an earlier start are still there, or the operating system refuses.
    pub(crate) fn start(&self) -> Result<Guard, Error> {
        let log = self.log();
        let (name, refused) = (self.name, || Error::refused(format!("start {}", self.name)));
        // The log is closed with this statement: from then on the lock is with the script.
        let mut script = Command::new("sh")
            .args(["-c", SCRIPT, "guard", self.signal])
            .arg(&self.folder)
            .args(&self.command)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(locked(name, &log)?)
            .process_group(0)
            .spawn()
            .map_err(refused())?;
        match read_pid(&mut script) {
            Some(pid) => Ok(Guard {
                name,
                script,
                pid,
                log,
            }),
            None => {
                drop(script.stdin.take());
                let status = script.wait().map_err(refused())?;
                let program = "sh".to_owned();
                let found = format!("{status}: {}", tail(&log));
                Err(Error::Failed { program, found })
            }
        }
    }
}

impl Guard {
    /// The process id of the server.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.script.try_wait(), Ok(None))
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    /// When the process is gone, or the operating system refuses.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<(), Error> {
        if self.has_ended() {
            return Err(Error::Stopped { server: self.name });
        }
        let what = format!("send a signal to {}", self.name);
        kill_process(self.pid, signal).map_err(|error| Error::refused(what)(error.into()))
    }

    /// Waits until the process has ended and everything that it started is gone.
    ///
    /// # Errors
    /// When that takes too long.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, Error> {
        let gone = self.gone(END_LIMIT);
        match self.script.try_wait() {
            Ok(Some(status)) if gone => Ok(status),
            _ => Err(Error::NotEnded {
                server: self.name,
                limit: END_LIMIT,
                log: tail(&self.log),
            }),
        }
    }

    /// Waits for `limit` at most until everything is gone; whether it is.
    fn gone(&mut self, limit: Duration) -> bool {
        let log = &self.log;
        wait::until(limit, || {
            matches!(self.script.try_wait(), Ok(Some(_))) && is_left(log)
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        if !self.gone(END_LIMIT) && self.signal(Signal::KILL).is_ok() {
            self.gone(END_LIMIT);
        }
    }
}

/// The end of a log.
pub(crate) fn tail(log: &Path) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    match read() {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("(unreadable: {error})"),
    }
}

/// The log, opened and locked for a new process.
fn locked(name: &'static str, path: &Path) -> Result<File, Error> {
    let log = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(Error::refused(format!("open {}", path.display())))?;
    if wait::until(END_LIMIT, || log.try_lock().is_ok()) {
        return Ok(log);
    }
    Err(Error::NotEnded {
        server: name,
        limit: END_LIMIT,
        log: tail(path),
    })
}

/// Whether no process has the log any more. A log that is gone has no process either.
fn is_left(log: &Path) -> bool {
    File::open(log).is_ok_and(|log| log.try_lock().is_ok()) || !log.exists()
}

/// The process id that the script prints; none when it ended before.
fn read_pid(script: &mut Child) -> Option<Pid> {
    let mut line = String::new();
    let output = script.stdout.take()?;
    BufReader::new(output).read_line(&mut line).ok()?;
    Pid::from_raw(line.trim().parse().ok()?)
}
