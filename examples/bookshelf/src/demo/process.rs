//! The programs of the bookstore, as processes of their own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// How long a process may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines that wait to be read; a process that has more to say waits.
const LINES_MAX: usize = 1_024;

/// A process that ends with this one.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts a program in a folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(program: &Path, folder: &Path, arguments: &[&str]) -> Result<Self> {
        let name = arguments.first().copied().unwrap_or_default().to_owned();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        let output = child.stdout.take().context("no output to read")?;
        let (sender, lines) = mpsc::channel(LINES_MAX);
        tokio::spawn(async move {
            let mut output = BufReader::new(output).lines();
            while let Ok(Some(line)) = output.next_line().await {
                if sender.send(line).await.is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            name,
            child,
            lines,
            seen: Vec::new(),
        })
    }

    /// Starts a program, and waits until it says that it is ready: until a line begins so.
    ///
    /// # Errors
    /// When it cannot be started, ends, or is not ready in 30 s.
    ///
    /// # Cancel safety
    /// Dropping the future ends the process.
    pub async fn start(
        program: &Path,
        folder: &Path,
        arguments: &[&str],
        ready: &str,
    ) -> Result<Self> {
        let mut process = Self::spawn(program, folder, arguments)?;
        loop {
            match tokio::time::timeout(PATIENCE, process.lines.recv()).await {
                Ok(Some(line)) => {
                    let is_ready = line.starts_with(ready);
                    process.seen.push(line);
                    if is_ready {
                        return Ok(process);
                    }
                }
                Ok(None) => bail!("`{}` ended before it was ready", process.name),
                Err(_) => bail!("`{}` was not ready in {PATIENCE:?}", process.name),
            }
        }
    }

    /// The first line it printed.
    #[must_use]
    pub fn first_line(&self) -> &str {
        self.seen.first().map_or("", String::as_str)
    }

    /// Whether it has not ended.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The most memory it had in use, where the operating system tells.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        peak_memory_bytes(self.child.id()?)
    }

    /// Waits for its end; returns all it printed.
    ///
    /// # Errors
    /// When it fails, or does not end in 30 s.
    ///
    /// # Cancel safety
    /// Dropping the future ends the process.
    pub async fn finish(mut self) -> Result<Vec<String>> {
        let waited = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = waited.with_context(|| format!("`{}` does not end", self.name))??;
        if !status.success() {
            bail!("`{}` ended with {status}", self.name);
        }
        while let Some(line) = self.lines.recv().await {
            self.seen.push(line);
        }
        Ok(self.seen)
    }

    /// Ends it at once, and waits until it has gone.
    ///
    /// # Errors
    /// When the operating system does not let it.
    ///
    /// # Cancel safety
    /// Dropping the future ends the process all the same.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    ///
    /// # Cancel safety
    /// Dropping the future ends the process.
    pub async fn stop(self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            kill_process(id, Signal::TERM)?;
        }
        self.finish().await.map(drop)
    }
}

/// The most memory that the process with this number had in use, where the operating system tells.
#[must_use]
pub fn peak_memory_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}
