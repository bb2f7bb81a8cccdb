//! A program of the bookstore that runs.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout};

use rustix::process::{Pid, Signal, kill_process};

/// A program that runs. It is killed when it is dropped.
pub struct Program {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// A program of the workspace: those built for release when the variable says where, and otherwise
/// those built for the test.
pub fn program(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_bookshelf")).parent().unwrap();
    let folder =
        std::env::var_os("PROTEAN_TEST_BIN_DIR").map_or_else(|| own.to_owned(), PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "expected {}; run `cargo build --workspace`",
        path.display()
    );
    path
}

impl Program {
    /// One that was started with its output to be read.
    pub fn of(mut child: Child) -> Self {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads lines up to one that begins like this.
    pub fn until(&mut self, start: &str) -> String {
        let line = self
            .lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("the program ended before it said \"{start}\""))
    }

    /// All lines up to the end.
    pub fn rest(&mut self) -> Vec<String> {
        self.lines.by_ref().map(Result::unwrap).collect()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it on the spot, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its exit code, once it has ended.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = self.child.try_wait().unwrap();
        status.map(|status| status.code().unwrap())
    }

    /// Asks it to stop; returns its exit code.
    pub fn stop(mut self, signal: Signal) -> i32 {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
