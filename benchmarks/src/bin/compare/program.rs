//! The programs of a peer, as processes of their own, with all that they start.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a program may take until it is ready, or a setup may run.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks whether a program has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Lines that wait to be read; a program that has more to say waits.
const LINES_MAX: usize = 1_024;

/// What is told of what a program said before it failed, in bytes.
const TOLD_MAX: usize = 2_000;

/// The process groups of all programs that run.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// What to start, and how.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) folder: PathBuf,
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// A program that runs, with all that it started, which ends with this value.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    group: Pid,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Program {
    /// Starts it in a process group of its own; what it says of errors goes into a file of `home`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn spawn(name: &str, words: &Words, home: &Path) -> Result<Self> {
        let log = home.join(format!("{name}.log"));
        let mut child = Command::new(&words.program)
            .args(&words.arguments)
            .current_dir(&words.folder)
            .envs(words.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{}`", words.program.display()))?;
        let group = Pid::from_child(&child);
        groups().push(group);
        let output = child.stdout.take().context("no output to read")?;
        let (sender, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            // What nobody reads any more is read on, so that the program does not wait.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.try_send(line);
            }
        });
        Ok(Self {
            name: name.to_owned(),
            child,
            group,
            lines,
            log,
        })
    }

    /// Waits until a line begins so.
    ///
    /// # Errors
    /// When it ends before, or no line does in a minute.
    pub(crate) fn ready(&self, ready: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.starts_with(ready) => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!(self.failure(&format!("was not ready in {PATIENCE:?}")))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!(self.failure("ended before it was ready"))
                }
            }
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it fails, or does not end in a minute.
    pub(crate) fn finish(mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.is_running()? {
            ensure!(Instant::now() < deadline, self.failure("does not end"));
            // sleep: there is nothing to wait for an end with that has a bound
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Whether it has not ended.
    ///
    /// # Errors
    /// When it failed.
    pub(crate) fn is_running(&mut self) -> Result<bool> {
        match self.child.try_wait()? {
            None => Ok(true),
            Some(status) if status.success() => Ok(false),
            Some(status) => Err(self.failure(&format!("ended with {status}"))),
        }
    }

    /// What it reads, until it is [put back](Self::put_input).
    pub(crate) fn take_input(&mut self) -> Result<ChildStdin> {
        self.child.stdin.take().context("its input is taken")
    }

    /// Puts back what it reads: it ends when that does.
    pub(crate) fn put_input(&mut self, input: ChildStdin) {
        self.child.stdin = Some(input);
    }

    /// The process group of all that it started.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    fn failure(&self, what: &str) -> anyhow::Error {
        let said = std::fs::read(&self.log).unwrap_or_default();
        let end = &said[said.len().saturating_sub(TOLD_MAX)..];
        anyhow!("`{}` {what}: {}", self.name, String::from_utf8_lossy(end))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
        groups().retain(|group| *group != self.group);
    }
}

/// Ends all programs that run, at once.
pub(crate) fn end_all() {
    for group in groups().iter() {
        let _ = kill_process_group(*group, Signal::KILL);
    }
}

/// A panic elsewhere leaves nothing half done here.
fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Words {
        Words {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: "/".into(),
            variables: vec![("GREETING", "hello".to_owned())],
        }
    }

    #[test]
    fn a_program_is_ready_when_it_says_so() {
        let home = tempfile::tempdir().unwrap();
        let script = shell("echo $GREETING; read line");
        let mut program = Program::spawn("sh", &script, home.path()).unwrap();
        program.ready("hello").unwrap();
        assert!(program.is_running().unwrap());
    }

    #[test]
    fn what_a_program_said_is_told_when_it_fails() {
        let home = tempfile::tempdir().unwrap();
        let program = Program::spawn("sh", &shell("echo why >&2; exit 3"), home.path()).unwrap();
        let error = program.finish().unwrap_err().to_string();
        assert_eq!(error, "`sh` ended with exit status: 3: why\n");
    }

    #[test]
    fn what_a_program_started_ends_with_it() {
        let home = tempfile::tempdir().unwrap();
        let script = shell("sleep 60 & echo $!; wait");
        let program = Program::spawn("sh", &script, home.path()).unwrap();
        let id: i32 = program
            .lines
            .recv_timeout(PATIENCE)
            .unwrap()
            .parse()
            .unwrap();
        let status = format!("/proc/{id}/stat");
        assert!(Path::new(&status).exists());
        drop(program);
        // Whoever adopts it may not have taken notice of its end yet.
        let gone = || std::fs::read_to_string(&status).map_or(true, |stat| stat.contains(") Z"));
        let deadline = Instant::now() + PATIENCE;
        while !gone() {
            assert!(Instant::now() < deadline, "it goes on");
            std::thread::yield_now();
        }
    }
}
