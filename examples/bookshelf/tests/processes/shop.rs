//! A folder with a bookstore in it, and the programs that work on it.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use protean_services::{Postgres, Proxy, Redis};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Program, program};
use crate::tier::{self, Database, Tier};

/// How long a test waits for what has to happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the programs that [`Shop::start`] starts write on standard error, in the shop's folder.
const LOG: &str = "programs.log";

/// A bookstore of its own.
pub struct Shop {
    /// Where its rows are, if not in a file.
    database: Option<Database>,
    /// What moves its messages, if not the database.
    redis: Option<Redis>,
    folder: TempDir,
}

/// Waits until a condition holds that has no signal.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        // sleep: between two looks at a condition that has no signal
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Shop {
    /// One in a file of its folder, which has no `domain.toml`.
    pub fn new() -> Self {
        Self {
            database: None,
            redis: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// One on a tier.
    pub fn on(tier: Tier) -> Self {
        match tier {
            Tier::Sqlite => Self::new(),
            Tier::Postgres => Self::with(Database::shared(), None),
            Tier::Redis => Self::with(Database::shared(), Some(tier::redis())),
        }
    }

    /// One with these servers.
    pub fn with(database: Database, redis: Option<Redis>) -> Self {
        let mut shop = Self::new();
        shop.write("domain.toml", tier::domain_toml(&database, redis.as_ref()));
        shop.database = Some(database);
        shop.redis = redis;
        shop
    }

    /// A copy of it, made as the documentation says, while its programs go on.
    pub fn copy(&self) -> Self {
        let Some(database) = &self.database else {
            let copy = Self::new();
            let file = copy.path().join("bookshelf.db");
            let printed = self.succeed(&format!("bookshelf db backup {}", file.display()));
            assert!(printed.starts_with("Backed up to "), "{printed}");
            assert_eq!(copy.texts("PRAGMA integrity_check"), ["ok"]);
            return copy;
        };
        let dump = self.path().join("bookshelf.dump");
        database.dump(&dump);
        // Redis needs no backup, and has to be empty.
        let redis = self.redis.as_ref().map(|_| tier::redis());
        Self::with(Database::restored(&dump), redis)
    }

    /// Its PostgreSQL server.
    pub fn postgres(&self) -> &Postgres {
        self.database.as_ref().unwrap().server()
    }

    /// The network between its programs and its database.
    pub fn proxy(&self) -> &Proxy {
        self.database.as_ref().unwrap().proxy()
    }

    /// Its Redis server.
    pub fn redis(&self) -> &Redis {
        self.redis.as_ref().unwrap()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Adds to its `domain.toml`.
    pub fn configure(&self, text: &str) {
        let path = self.path().join("domain.toml");
        let known = std::fs::read_to_string(path).unwrap_or_default();
        self.write("domain.toml", known + text);
    }

    /// Writes a catalog of so many books.
    pub fn write_catalog(&self, rows: u64) {
        let file = File::create(self.path().join("catalog.csv")).unwrap();
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
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path().join(LOG))
            .unwrap();
        Program::of(self.command(line).stderr(log).spawn().unwrap())
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
                "not in time: {:#?}\nthe log: {}",
                self.status(),
                self.log()
            );
            // sleep: between two looks at a condition that has no signal
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Books on their way, as commands or as events.
    pub fn backfill_lag(&self) -> u64 {
        let lag = |one: &Value| one["lanes"]["backfill"]["lag"].as_u64().unwrap();
        self.status().iter().map(lag).sum()
    }

    /// None of its programs logged an error.
    pub fn assert_no_errors(&self) {
        let log = self.log();
        assert!(!log.contains("ERROR"), "{log}");
    }

    /// What its programs logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join(LOG)).unwrap_or_default()
    }

    /// A number that its database holds.
    pub fn count(&self, sql: &str) -> u64 {
        if let Some(database) = &self.database {
            return database.query(sql).parse().unwrap();
        }
        let connection = Connection::open(self.path().join("bookshelf.db")).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The texts of a column.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        if let Some(database) = &self.database {
            return database.query(sql).lines().map(str::to_owned).collect();
        }
        let connection = Connection::open(self.path().join("bookshelf.db")).unwrap();
        let mut select = connection.prepare(sql).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Whether its database has a table.
    pub fn has_table(&self, name: &str) -> bool {
        let catalog = match self.database {
            None => "sqlite_master WHERE name",
            Some(_) => "pg_tables WHERE schemaname = current_schema() AND tablename",
        };
        self.count(&format!("SELECT count(*) FROM {catalog} = '{name}'")) > 0
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
