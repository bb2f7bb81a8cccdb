//! A PostgreSQL server.

mod programs;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;

use crate::account::Account;
use crate::guard::{Launch, tail};
use crate::port::Port;
use crate::server::{self, Server};
use crate::{Error, program};

/// What errors call it.
const NAME: &str = "PostgreSQL";

/// How an empty folder becomes that of a server. It need not be on the disk yet: that matters for
/// what is written later.
const INITDB: [&str; 6] = [
    "--auth=trust",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
];

/// Enough for the pools of a handful of processes that share a server.
const MAX_CONNECTIONS: u16 = 200;

/// How many files of the log a server has that has run for long: more than an import of a hundred
/// thousand rows fills.
const LOG_FILES: u32 = 24;

/// What keeps `psql` from waiting: a statement that takes longer is not one of a test.
const PSQL_LIMITS: [(&str, &str); 2] = [
    ("PGCONNECT_TIMEOUT", "10"),
    ("PGOPTIONS", "-c statement_timeout=50s"),
];

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether it waits for the disk.
    pub fsync: Fsync,
    /// Settings of `postgresql.conf`, by name. They go before those that are set here.
    pub settings: Vec<(String, String)>,
}

/// Whether a server waits for the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fsync {
    /// A commit is on the disk before it is confirmed, as in production.
    #[default]
    On,
    /// A commit is confirmed at once. It survives a server that is killed, but not a machine that
    /// loses its power.
    Off,
}

/// A PostgreSQL server of one's own, with one role `postgres` that may do everything.
///
/// It ends when this is dropped, or when this process dies, and its data goes with it. Its methods
/// block the thread.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    programs: PathBuf,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server that is set up as in production.
    ///
    /// # Errors
    /// As [`start_with`](Self::start_with).
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&Options::default())
    }

    /// Starts a server.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, this process is root and there is no account `postgres`,
    /// or the server does not get ready, which an unknown setting is a reason for.
    pub fn start_with(options: &Options) -> Result<Self, Error> {
        let programs = programs::folder()?;
        let account = Account::if_root()?;
        let folder = server::folder("postgres")?;
        if let Some(account) = &account {
            account.own(folder.path())?;
        }
        let run = |name: &str, arguments: Vec<OsString>, signal| Launch {
            name: NAME,
            command: command(account.as_ref(), programs.join(name), arguments),
            folder: folder.path().to_owned(),
            signal,
        };
        let data = folder.path().join("data");
        initialise(&run("initdb", initdb(&data), "TERM"))?;
        let port = Port::reserve()?;
        let launch = run("postgres", arguments(&data, &port, options), "QUIT");
        let postgres = Self {
            server: Server::new(launch, Signal::INT, port, folder),
            programs,
            databases: AtomicU32::new(0),
        };
        postgres.start_again()?;
        Ok(postgres)
    }

    /// The URI of the database `postgres`.
    #[must_use]
    pub fn uri(&self) -> String {
        self.uri_of("postgres")
    }

    /// Makes an empty database, with a name that is not used yet, and says its URI.
    ///
    /// # Errors
    /// When the server refuses, or does not run.
    pub fn create_database(&self) -> Result<String, Error> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("database_{number}");
        self.query(&self.uri(), &format!("CREATE DATABASE {name}"))?;
        Ok(self.uri_of(&name))
    }

    /// Has `psql` run SQL in the database of a URI, and gives back the rows: one on a line, with a
    /// `|` between two columns.
    ///
    /// # Errors
    /// When the server refuses, or does not run.
    pub fn query(&self, uri: &str, sql: &str) -> Result<String, Error> {
        let quiet = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"];
        let strict = ["--no-password", "--set=ON_ERROR_STOP=1"];
        program::printed(
            program::bounded(&self.programs.join("psql"))
                .envs(PSQL_LIMITS)
                .args(quiet)
                .args(strict)
                .args(["--dbname", uri, "--command", sql]),
        )
    }

    /// Writes everything of a database into a file, as of one moment, while others go on.
    ///
    /// # Errors
    /// When the server refuses, or does not run, or the file cannot be written.
    pub fn dump(&self, uri: &str, file: &Path) -> Result<(), Error> {
        let mut pg_dump = program::bounded(&self.programs.join("pg_dump"));
        let pg_dump = pg_dump.args([
            "--no-password",
            "--format=custom",
            "--dbname",
            uri,
            "--file",
        ]);
        program::printed(pg_dump.arg(file)).map(drop)
    }

    /// Makes what a file has, that was written by [`dump`](Self::dump), in an empty database.
    ///
    /// # Errors
    /// When the server refuses, or does not run, or the file cannot be read.
    pub fn restore(&self, uri: &str, file: &Path) -> Result<(), Error> {
        let mut pg_restore = program::bounded(&self.programs.join("pg_restore"));
        let pg_restore = pg_restore.args(["--no-password", "--exit-on-error", "--dbname", uri]);
        program::printed(pg_restore.arg(file)).map(drop)
    }

    /// Gives a new server what one has that has run for long: files of the log that it may write to
    /// again. A new one makes each when it needs it, 16 MB that are written and synchronised, and
    /// every commit waits for that. Then waits until the disk has what anybody wrote before.
    ///
    /// # Errors
    /// When the server refuses, or does not run.
    pub fn season(&self) -> Result<(), Error> {
        let fill = format!(
            "DO $$ BEGIN FOR file IN 1..{LOG_FILES} LOOP
                PERFORM pg_logical_emit_message(false, 'season', 'a record');
                PERFORM pg_switch_wal();
            END LOOP; END $$"
        );
        let keep = "ALTER SYSTEM SET min_wal_size = '1GB'";
        for sql in [keep, "SELECT pg_reload_conf()", &fill, "CHECKPOINT"] {
            self.query(&self.uri(), sql)?;
        }
        rustix::fs::sync();
        Ok(())
    }

    /// The process id of the server, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// The end of what the server logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Has the server end its sessions, write everything to the disk, and end.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub fn stop(&self) -> Result<(), Error> {
        self.server.stop()
    }

    /// Kills the server in the middle of whatever it does, and waits until the processes of its
    /// sessions have noticed and are gone.
    ///
    /// # Errors
    /// When it does not run, or a session goes on with a statement for too long.
    pub fn kill(&self) -> Result<(), Error> {
        self.server.kill()
    }

    /// Starts the server that was stopped or killed, on the port and with the data that it had.
    ///
    /// # Errors
    /// When it runs, or does not get ready.
    pub fn start_again(&self) -> Result<(), Error> {
        self.server.start(|| self.is_ready())
    }

    fn is_ready(&self) -> bool {
        let address = self.server.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = program::bounded(&self.programs.join("pg_isready"));
        command.args(["--host", &host, "--port", &port]);
        program::printed(&mut command).is_ok()
    }

    fn uri_of(&self, database: &str) -> String {
        format!("postgresql://postgres@{}/{database}", self.server.address())
    }
}

/// A command that runs a program as an account.
fn command(account: Option<&Account>, program: PathBuf, arguments: Vec<OsString>) -> Vec<OsString> {
    let mut words = account.map(Account::prefix).unwrap_or_default();
    words.push(program.into());
    words.extend(arguments);
    words
}

fn initdb(data: &Path) -> Vec<OsString> {
    let mut arguments: Vec<_> = INITDB.map(OsString::from).to_vec();
    arguments.extend(["--pgdata".into(), data.into()]);
    arguments
}

/// Runs `initdb` to its end, guarded like a server: it must not outlive this process either.
fn initialise(launch: &Launch) -> Result<(), Error> {
    let status = launch.start()?.wait()?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        program: "initdb".to_owned(),
        found: format!("{status}: {}", tail(&launch.log())),
    })
}

/// The arguments of `postgres`. Of two that set the same, the last one counts.
fn arguments(data: &Path, port: &Port, options: &Options) -> Vec<OsString> {
    let own = [
        ("listen_addresses", port.address().ip().to_string()),
        ("port", port.number().to_string()),
        ("unix_socket_directories", String::new()),
        ("max_connections", MAX_CONNECTIONS.to_string()),
        ("fsync", options.fsync.value().to_owned()),
    ];
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    let asked = options.settings.iter();
    let asked = asked.map(|(name, value)| (name.as_str(), value.as_str()));
    let mut arguments = vec!["-D".into(), data.into()];
    for (name, value) in own.chain(asked) {
        arguments.extend(["-c".into(), format!("{name}={value}").into()]);
    }
    arguments
}

impl Fsync {
    const fn value(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_comes_last() {
        let port = Port::reserve().unwrap();
        let options = Options {
            fsync: Fsync::Off,
            settings: vec![("max_connections".to_owned(), "7".to_owned())],
        };
        let arguments = arguments(Path::new("data"), &port, &options);
        let last = arguments.last().unwrap();
        assert_eq!(last, "max_connections=7");
        assert!(arguments.contains(&"fsync=off".into()), "{arguments:?}");
    }
}
