//! One worker process, from its start to its end.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::timeout;

use super::program::Program;
use crate::server::tether::Word;

/// How long the end of a dead worker's tether is waited for. All it said is there already; only
/// something it started itself can hold the tether open.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A worker process.
#[derive(Debug)]
pub(super) struct Life {
    /// The number of the process.
    pub(super) pid: u32,
    child: Child,
    /// What it says, until the end of that.
    words: Option<Lines<BufReader<UnixStream>>>,
    /// How it ended, once it has.
    status: Option<ExitStatus>,
}

/// What a worker process does.
#[derive(Debug)]
pub(super) enum Event {
    /// It says something.
    Said(Word),
    /// It is no more.
    Ended(ExitStatus),
}

impl Life {
    /// Starts one.
    ///
    /// # Errors
    /// When the operating system does not start it.
    pub(super) fn begin(program: &Program, number: u32) -> io::Result<Self> {
        let (child, tether) = program.start(number)?;
        Ok(Self {
            pid: child.id().unwrap_or_default(),
            child,
            words: Some(BufReader::new(tether).lines()),
            status: None,
        })
    }

    /// What it does next. Its end comes after all it said.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// When the operating system does not tell how it ended.
    pub(super) async fn event(&mut self) -> io::Result<Event> {
        loop {
            match (self.status, &mut self.words) {
                (Some(status), None) => return Ok(Event::Ended(status)),
                (Some(_), Some(words)) => {
                    let line = timeout(LAST_WORDS, words.next_line()).await;
                    if let Some(word) = self.heard(line.unwrap_or(Ok(None))) {
                        return Ok(Event::Said(word));
                    }
                }
                (None, None) => self.status = Some(self.child.wait().await?),
                (None, Some(words)) => tokio::select! {
                    line = words.next_line() => if let Some(word) = self.heard(line) {
                        return Ok(Event::Said(word));
                    },
                    status = self.child.wait() => self.status = Some(status?),
                },
            }
        }
    }

    /// Takes a line, or the end of all lines.
    fn heard(&mut self, line: io::Result<Option<String>>) -> Option<Word> {
        match line {
            Ok(Some(line)) => serde_json::from_str(&line).ok(),
            Ok(None) | Err(_) => {
                self.words = None;
                None
            }
        }
    }

    /// Asks it to stop.
    pub(super) fn ask_to_stop(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            // One that has ended by itself needs no asking.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Ends it on the spot, which loses nothing (L9).
    pub(super) fn kill(&mut self) {
        // One that has ended by itself needs no ending.
        let _ = self.child.start_kill();
    }
}
