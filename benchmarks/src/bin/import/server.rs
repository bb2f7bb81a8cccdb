//! The programs of the bookstore that are measured.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use bookshelf::demo::process::peak_memory_bytes;
use protean_benchmarks::program;

/// A server, which ends with this value.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts it in a folder, and waits until it runs.
    pub(crate) fn start(home: &Path) -> Result<Self> {
        let mut child = Command::new(program("bookshelf")?)
            .arg("server")
            .current_dir(home)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("no output to read")?;
        let server = Self { child };
        for line in BufReader::new(output).lines() {
            if line?.starts_with("Engine running") {
                return Ok(server);
            }
        }
        bail!("the server ended before it ran");
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it had in use.
    pub(crate) fn peak_memory_bytes(&self) -> Result<u64> {
        peak_memory_bytes(self.child.id()).context("no VmHWM")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
