//! The program of a worker: that of the supervisor, with the same arguments.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::path::PathBuf;

use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::Error;
use crate::server::tether::VARIABLE;

/// The option that says how many workers there are.
const OPTION: &str = "--workers";

/// What is started for each worker.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    /// The name it was called by, and what followed.
    words: Vec<OsString>,
}

impl Program {
    /// This process's own.
    ///
    /// # Errors
    /// When the operating system does not tell where it is.
    pub(super) fn own() -> Result<Self, Error> {
        let path = std::env::current_exe().map_err(Error::OwnPath)?;
        let words = without_workers(std::env::args_os().collect());
        Ok(Self { path, words })
    }

    #[cfg(test)]
    pub(super) fn of(path: &str, words: &[&str]) -> Self {
        Self {
            path: path.into(),
            words: words.iter().map(OsString::from).collect(),
        }
    }

    /// Starts a worker; returns the supervisor's end of its tether, too.
    ///
    /// It has a process group of its own, so that what is typed at a terminal reaches the supervisor
    /// alone.
    ///
    /// # Errors
    /// When the operating system does not start it.
    pub(super) fn start(&self, number: u32) -> io::Result<(Child, UnixStream)> {
        let (own, workers) = Socket::pair()?;
        own.set_nonblocking(true)?;
        let own = UnixStream::from_std(own)?;
        let mut command = Command::new(&self.path);
        let mut words = self.words.iter();
        if let Some(name) = words.next() {
            command.arg0(name);
        }
        let child = command
            .args(words)
            .env(VARIABLE, number.to_string())
            .stdin(OwnedFd::from(workers))
            .process_group(0)
            .spawn()?;
        Ok((child, own))
    }
}

/// The words of a command line without `--workers N` or `--workers=N`, so that a list of processes
/// shows who supervises whom. That is all it is for: a worker is told what it is by its tether.
///
/// Only the last one is the server's; an application may have one of its own before the command.
/// What follows `--` stays as it is.
fn without_workers(mut words: Vec<OsString>) -> Vec<OsString> {
    let options = words.iter().take_while(|word| *word != "--").count();
    let last = words[..options].iter().rposition(|word| {
        let word = word.to_string_lossy();
        word.strip_prefix(OPTION)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    if let Some(at) = last {
        let length = if words[at] == OPTION { 2 } else { 1 };
        words.drain(at..options.min(at + length));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str) -> String {
        let words = without_workers(line.split(' ').map(OsString::from).collect());
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn the_number_of_workers_is_left_out_and_nothing_else() {
        for line in [
            "shop server --workers 2 --json",
            "shop server --workers=2 --json",
            "shop server --json --workers 2",
            "shop server --json --workers=2",
            "shop server --json --workers",
        ] {
            assert_eq!(kept(line), "shop server --json", "{line}");
        }
        for line in [
            "shop",
            "shop server --json",
            "shop server --workers-of x",
            "shop server -- --workers 2",
        ] {
            assert_eq!(kept(line), line);
        }
    }

    #[test]
    fn an_option_of_the_application_stays() {
        assert_eq!(
            kept("shop --workers 3 server --workers=2"),
            "shop --workers 3 server"
        );
    }
}
