//! What ties a worker to its supervisor: a socket in the place of the worker's standard input.
//!
//! The worker says on it how it fares, and notices by its end that the supervisor is gone, however
//! that came to be. Standard output and standard error stay what they are, so what handlers print
//! comes out as it does without a supervisor.
//!
//! A variable tells a worker what it is, and not an argument, since an application may read its
//! arguments in any way. What a worker itself starts inherits the variable but hardly the socket;
//! only both together make a worker.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::handled::Handled;
use crate::output::Report;
use crate::{Error, signals};

/// The variable that says which worker a process is.
pub(super) const VARIABLE: &str = "PROTEAN_WORKER";

/// What a worker says, a line of JSON each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// Its engine runs.
    Ready,
    /// Its engine has stopped.
    Stopped(Handled),
    /// It cannot go on, because of this.
    Failed(String),
}

/// The worker's end of the tether.
#[derive(Debug)]
pub(crate) struct Tether {
    /// Which worker this process is, from 1.
    number: u32,
    stream: UnixStream,
}

impl Tether {
    /// The tether that a supervisor gave this process; none when nobody supervises it.
    pub(crate) fn inherited() -> Option<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned().ok()?;
        Self::from_input(std::env::var_os(VARIABLE).as_deref(), input)
    }

    fn from_input(variable: Option<&OsStr>, input: OwnedFd) -> Option<Self> {
        let number = variable?.to_str().and_then(|text| text.parse().ok());
        let stream = UnixStream::from(input);
        // Only a socket has an address, with or without a name.
        stream.local_addr().ok()?;
        Some(Self {
            number: number.unwrap_or(1),
            stream,
        })
    }

    /// Which worker this process is, from 1.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// Says something. A supervisor that is gone hears nothing, which the worker notices anyway.
    pub(super) fn say(&self, word: &Word) {
        // Words always have a JSON form.
        let mut line = serde_json::to_string(word).unwrap_or_default();
        line.push('\n');
        let _ = (&self.stream).write_all(line.as_bytes());
    }

    /// Says why the worker ends, if that is no good reason. Printing is for the supervisor.
    pub(crate) fn end(&self, outcome: &Result<Report, Error>) -> ExitCode {
        match outcome {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                self.say(&Word::Failed(error.to_string()));
                ExitCode::from(error.exit_code())
            }
        }
    }

    /// Resolves when the supervisor is gone; the process has `grace` to end from then on.
    ///
    /// A thread of its own watches, since nobody else would end a worker whose runtime is stuck.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn parted(&self, grace: Duration) -> io::Result<oneshot::Receiver<()>> {
        let stream = self.stream.try_clone()?;
        let (tell, told) = oneshot::channel();
        thread::Builder::new()
            .name("tether".to_owned())
            .spawn(move || {
                wait_for_end(stream);
                // Nobody listens any more when the worker is about to end.
                let _ = tell.send(());
                thread::sleep(grace);
                signals::exit_interrupted();
            })?;
        Ok(told)
    }
}

/// Waits until the other end is closed. Supervisors say nothing.
fn wait_for_end(mut stream: UnixStream) {
    let mut said = [0; 16];
    loop {
        match stream.read(&mut said) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// Longer than any test runs.
    const FOREVER: Duration = Duration::from_secs(3_600);

    #[test]
    fn only_the_variable_and_the_socket_together_make_a_worker() {
        let variable = Some(OsStr::new("1"));
        let socket = || OwnedFd::from(UnixStream::pair().unwrap().0);
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Tether::from_input(None, socket()).is_none());
        assert!(Tether::from_input(variable, file.into()).is_none());
        assert!(Tether::from_input(variable, socket()).is_some());
    }

    #[test]
    fn words_are_lines_and_the_end_of_the_supervisor_is_noticed() {
        let (supervisor, stream) = UnixStream::pair().unwrap();
        let tether = Tether { number: 1, stream };
        let handled = Handled {
            primary: 3,
            ..Handled::default()
        };
        let words = [
            Word::Ready,
            Word::Stopped(handled),
            Word::Failed("no\nroom".to_owned()),
        ];
        for word in &words {
            tether.say(word);
        }
        let heard: Vec<Word> = BufReader::new(&supervisor)
            .lines()
            .take(words.len())
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        assert_eq!(heard, words);

        let mut parted = tether.parted(FOREVER).unwrap();
        assert!(parted.try_recv().is_err());
        drop(supervisor);
        assert_eq!(parted.blocking_recv(), Ok(()));
        tether.say(&Word::Ready);
    }
}
