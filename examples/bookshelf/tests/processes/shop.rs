//! A folder with a bookstore in it, and the programs that work on it.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for what has to happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A bookstore of its own.
pub struct Shop {
    folder: TempDir,
}

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

impl Shop {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Writes a catalog of so many books.
    pub fn write_catalog(&self, rows: u64) {
        let file = std::fs::File::create(self.path().join("catalog.csv")).unwrap();
        bookshelf::sample::write_catalog(rows, file).unwrap();
    }

    /// A program, to be run in the bookstore's folder, as `name argument…`.
    pub fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let path = program(words.next().unwrap());
        let folder = path.parent().unwrap().to_owned();
        let mut command = Command::new(path);
        command
            .args(words)
            .current_dir(self.path())
            .env("PATH", folder)
            .env_remove("PROTEAN_ENV")
            .env_remove("PROTEAN_DOMAIN")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    /// Runs a program to its end.
    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs a program that has to succeed; returns what it printed.
    pub fn succeed(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a program, and leaves it running.
    pub fn start(&self, line: &str) -> Program {
        let mut child = self.command(line).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Program { child, lines }
    }

    /// Starts a server, and waits until it runs.
    pub fn server(&self) -> Program {
        let mut server = self.start("bookshelf server");
        server.until("Engine running");
        server
    }

    /// Starts the API; returns its address, too.
    pub fn api(&self) -> (Program, String) {
        let mut api = self.start("bookshelf api --port 0");
        let line = api.until("Listening on http://");
        let address = line.trim_start_matches("Listening on http://").to_owned();
        (api, address)
    }

    /// What `subscriptions status --json` says.
    pub fn status(&self) -> Vec<Value> {
        let text = self.succeed("bookshelf subscriptions status --json");
        let status: Value = serde_json::from_str(&text).unwrap();
        status["data"]["subscriptions"].as_array().unwrap().clone()
    }

    /// Waits until every lane is empty.
    pub fn settled(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.status().iter().any(|one| one["status"] != "ok") {
            assert!(
                Instant::now() < deadline,
                "not in time: {:?}",
                self.status()
            );
            // sleep: between two looks at a condition that has no signal
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A number that the file holds.
    pub fn count(&self, sql: &str) -> u64 {
        let connection = Connection::open(self.path().join("bookshelf.db")).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Every book of the catalog is there, and projected, once.
    pub fn assert_books_exactly_once(&self, books: u64) {
        for (what, sql) in [
            ("books", "SELECT count(*) FROM book"),
            ("titles", "SELECT count(DISTINCT title) FROM book"),
            ("entries", "SELECT count(*) FROM book_catalog"),
            (
                "titles of entries",
                "SELECT count(DISTINCT title) FROM book_catalog",
            ),
            (
                "events",
                "SELECT count(*) FROM protean_message WHERE type = 'Bookshelf.BookAdded.v1'",
            ),
            (
                "commands",
                "SELECT count(*) FROM protean_message WHERE type = 'Bookshelf.AddBook.v1'",
            ),
        ] {
            assert_eq!(self.count(sql), books, "{what}");
        }
    }
}

impl Program {
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
