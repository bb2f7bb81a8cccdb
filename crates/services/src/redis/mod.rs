//! A Redis server, of version 7 or newer.

mod config;
mod options;

use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

pub use options::{Login, Mode, Options, Persistence, Tls};

use crate::guard::Launch;
use crate::port::Port;
use crate::server::{self, READY_LIMIT, Server};
use crate::{Error, program, wait};

/// What errors call it.
const NAME: &str = "Redis";

/// The slots of a cluster, all of which are of the one node.
const SLOTS: [&str; 2] = ["0", "16383"];

/// A Redis server of one's own.
///
/// It ends when this is dropped, or when this process dies, and its data goes with it. Its methods
/// block the thread.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    client: PathBuf,
    options: Options,
    /// Where the nodes of a cluster would talk; kept like the port of the server.
    _cluster: Option<Port>,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    /// When Redis is not installed, or the server does not get ready, which an unknown setting or
    /// an unreadable certificate is a reason for.
    pub fn start(options: Options) -> Result<Self, Error> {
        let program = program::on_path("redis-server", "redis-server")?;
        let client = program::on_path("redis-cli", "redis-tools")?;
        let folder = server::folder("redis")?;
        let port = Port::reserve()?;
        let cluster = match options.mode {
            Mode::Single => None,
            Mode::Cluster => Some(Port::reserve()?),
        };
        let text = config::text(folder.path(), &port, cluster.as_ref(), &options)?;
        let file = folder.path().join("redis.conf");
        std::fs::write(&file, text).map_err(Error::refused(format!("write {}", file.display())))?;
        let launch = Launch {
            name: NAME,
            command: vec![program.into(), file.into()],
            folder: folder.path().to_owned(),
            signal: "KILL",
        };
        let redis = Self {
            server: Server::new(launch, Signal::TERM, port, folder),
            client,
            options,
            _cluster: cluster,
        };
        redis.start_again()?;
        Ok(redis)
    }

    /// The URI of database 0, with the login if there is one.
    #[must_use]
    pub fn uri(&self) -> String {
        let scheme = match self.options.tls {
            None => "redis",
            Some(_) => "rediss",
        };
        let login = self.options.login.as_ref().map(Login::in_uri);
        let login = login.unwrap_or_default();
        format!("{scheme}://{login}{}/0", self.server.address())
    }

    /// Has `redis-cli` run a command, and gives back what it prints of the answer.
    ///
    /// # Errors
    /// When the server refuses, or does not run.
    pub fn command(&self, words: &[&str]) -> Result<String, Error> {
        program::printed(self.cli().args(words))
    }

    /// Deletes all data.
    ///
    /// # Errors
    /// When the server refuses, or does not run.
    pub fn flush_all(&self) -> Result<(), Error> {
        self.command(&["FLUSHALL"]).map(drop)
    }

    /// What the server says of itself under a name that `INFO` has, such as `aof_enabled`.
    ///
    /// # Errors
    /// When there is no such name, or the server does not run.
    pub fn info(&self, field: &str) -> Result<String, Error> {
        let text = self.command(&["INFO", "all"])?;
        field_of(&text, field)
            .map(str::to_owned)
            .ok_or_else(|| unexpected(format!("`{field}` in the answer to INFO"), text))
    }

    /// How much memory the server uses for its data and its clients, in bytes.
    ///
    /// # Errors
    /// When the server does not run.
    pub fn used_memory(&self) -> Result<u64, Error> {
        let found = self.info("used_memory")?;
        found
            .parse()
            .map_err(|_| unexpected("a number of bytes".to_owned(), found))
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

    /// Has the server end properly.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub fn stop(&self) -> Result<(), Error> {
        self.server.stop()
    }

    /// Kills the server.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub fn kill(&self) -> Result<(), Error> {
        self.server.kill()
    }

    /// Starts the server that was stopped or killed, on the port that it had, and with the data
    /// that its persistence kept.
    ///
    /// # Errors
    /// When it runs, or does not get ready.
    pub fn start_again(&self) -> Result<(), Error> {
        // A server that still reads its data answers with an error.
        self.server
            .start(|| self.command(&["PING"]).is_ok_and(|answer| answer == "PONG"))?;
        match self.options.mode {
            Mode::Single => Ok(()),
            Mode::Cluster => self.form_cluster(),
        }
    }

    /// Gives the node all slots, unless it remembers them, and waits until it serves them.
    fn form_cluster(&self) -> Result<(), Error> {
        let told = self.command(&["CLUSTER", "INFO"])?;
        if field_of(&told, "cluster_slots_assigned") == Some("0") {
            self.command(&["CLUSTER", "ADDSLOTSRANGE", SLOTS[0], SLOTS[1]])?;
        }
        let serves = || {
            self.command(&["CLUSTER", "INFO"])
                .is_ok_and(|told| field_of(&told, "cluster_state") == Some("ok"))
        };
        if wait::until(READY_LIMIT, serves) {
            return Ok(());
        }
        Err(self.server.not_ready("its cluster is not"))
    }

    /// The command line client, connected and logged in.
    fn cli(&self) -> Command {
        let address = self.server.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = program::bounded(&self.client);
        command.args(["-h", &host, "-p", &port, "-e"]);
        if let Some(login) = &self.options.login {
            command.args(["--user", &login.user]);
            command.env("REDISCLI_AUTH", &login.password);
        }
        if let Some(tls) = &self.options.tls {
            command.arg("--tls").arg("--cacert").arg(&tls.authority);
        }
        command
    }
}

/// The value of a field in an answer whose lines are `field:value`.
fn field_of<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| *name == field)
        .map(|(_, value)| value.trim_end())
}

/// The error for an answer that is not the one expected.
const fn unexpected(expected: String, found: String) -> Error {
    Error::Answer {
        server: NAME,
        expected,
        found,
    }
}
