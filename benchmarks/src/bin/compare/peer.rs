//! Who is compared, and how their programs are started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bookshelf::demo::tier::{Lanes, Services, Tier};
use clap::ValueEnum;

use crate::program::Words;

/// The tables of those that have no projections of their own.
const SCHEMA: &str = include_str!("../../../peers/schema.sql");

/// Where the scripts of Message DB are, in the folder of the peer.
const MESSAGE_DB: &str = "node_modules/@eventide/message-db/database";

/// Who is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// Protean for Rust on PostgreSQL and Redis
    ProteanRedis,
    /// Protean for Rust on PostgreSQL
    ProteanPostgres,
    /// Protean for Rust on SQLite
    ProteanSqlite,
    /// Protean for Python on PostgreSQL and Redis
    ProteanPython,
    /// Celery on Redis, with priorities
    Celery,
    /// BullMQ on Redis, with priorities
    Bullmq,
    /// apalis on Redis, with a queue for orders
    ApalisRedis,
    /// apalis on PostgreSQL, with priorities
    ApalisPostgres,
}

/// What is started for a peer.
pub(crate) struct Programs {
    /// Runs to its end before all others.
    pub(crate) setup: Option<Words>,
    /// Does the work, once it says `ready`.
    pub(crate) worker: Words,
    /// How the worker says that it is ready.
    pub(crate) ready: &'static str,
    /// Asks for an order for every line it reads, once it says `ready`.
    pub(crate) submit: Words,
    /// Asks for a book for every row of a file, which is its last argument.
    pub(crate) enqueue: Words,
}

impl Peer {
    /// In the order of the table.
    pub(crate) const ALL: [Self; 8] = [
        Self::ProteanSqlite,
        Self::ProteanPostgres,
        Self::ProteanRedis,
        Self::ProteanPython,
        Self::Celery,
        Self::Bullmq,
        Self::ApalisRedis,
        Self::ApalisPostgres,
    ];

    /// What people call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::ProteanSqlite => "Protean for Rust, SQLite",
            Self::ProteanPostgres => "Protean for Rust, PostgreSQL",
            Self::ProteanRedis => "Protean for Rust, PostgreSQL + Redis",
            Self::ProteanPython => "Protean for Python 0.18.0, PostgreSQL + Redis",
            Self::Celery => "Celery 5.7.0, Redis priorities",
            Self::Bullmq => "BullMQ 6.7.0, priorities",
            Self::ApalisRedis => "apalis 1.0.0, Redis",
            Self::ApalisPostgres => "apalis 1.0.0, PostgreSQL",
        }
    }

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The servers it needs.
    pub(crate) const fn tier(self) -> Tier {
        match self {
            Self::ProteanSqlite => Tier::Sqlite,
            Self::ProteanPostgres | Self::ApalisPostgres => Tier::Postgres,
            Self::ProteanRedis
            | Self::ProteanPython
            | Self::Celery
            | Self::Bullmq
            | Self::ApalisRedis => Tier::Redis,
        }
    }

    /// Whether the tables that customers read have to be made for it.
    pub(crate) const fn schema(self) -> Option<&'static str> {
        match self {
            Self::Celery | Self::Bullmq | Self::ApalisRedis | Self::ApalisPostgres => Some(SCHEMA),
            _ => None,
        }
    }

    /// Its programs: our own are in the folder `own`, and what was installed in `peers`.
    pub(crate) fn programs(
        self,
        own: &Path,
        peers: &Path,
        home: &Path,
        services: &Services,
    ) -> Result<Programs> {
        let place = Place { peers, services };
        match self {
            Self::ProteanSqlite | Self::ProteanPostgres | Self::ProteanRedis => {
                services.configure(home, Lanes::Two)?;
                ours(own, home)
            }
            Self::ProteanPython => {
                let mut programs = place.python("protean-python")?;
                programs.setup = Some(place.script("protean-python", "setup.py", &[MESSAGE_DB])?);
                Ok(programs)
            }
            Self::Celery => place.python("celery"),
            Self::Bullmq => place.node("bullmq"),
            Self::ApalisRedis => place.apalis("redis"),
            Self::ApalisPostgres => place.apalis("postgres"),
        }
    }
}

/// The programs of the bookstore, which find their servers in the folder they run in.
fn ours(own: &Path, home: &Path) -> Result<Programs> {
    let words = |program: PathBuf, arguments: &[&str]| Words {
        program,
        arguments: arguments.iter().map(OsString::from).collect(),
        folder: home.to_owned(),
        variables: Vec::new(),
    };
    Ok(Programs {
        setup: None,
        worker: words(present(&own.join("bookshelf"))?, &["server"]),
        ready: "Engine running",
        submit: words(std::env::current_exe()?, &["submit"]),
        enqueue: words(present(&own.join("import_vintage_press"))?, &["--json"]),
    })
}

/// Where the programs of others are, and their servers.
struct Place<'p> {
    peers: &'p Path,
    services: &'p Services,
}

impl Place<'_> {
    fn python(&self, name: &str) -> Result<Programs> {
        Ok(Programs {
            setup: None,
            worker: self.script(name, "worker.py", &[])?,
            ready: "ready",
            submit: self.script(name, "submit.py", &[])?,
            enqueue: self.script(name, "enqueue.py", &[])?,
        })
    }

    fn node(&self, name: &str) -> Result<Programs> {
        let script = |file| self.words(name, "node".into(), &[file]);
        Ok(Programs {
            setup: None,
            worker: script("worker.js"),
            ready: "ready",
            submit: script("submit.js"),
            enqueue: script("enqueue.js"),
        })
    }

    fn apalis(&self, backend: &str) -> Result<Programs> {
        let name = "apalis";
        let program = present(&self.peers.join(name).join("release/apalis-peer"))?;
        let part = |part| self.words(name, program.clone(), &[backend, part]);
        Ok(Programs {
            setup: Some(part("setup")),
            worker: part("worker"),
            ready: "ready",
            submit: part("submit"),
            enqueue: part("enqueue"),
        })
    }

    fn script(&self, name: &str, file: &str, arguments: &[&str]) -> Result<Words> {
        let python = present(&self.peers.join(name).join("venv/bin/python"))?;
        let arguments: Vec<&str> = [&[file], arguments].concat();
        Ok(self.words(name, python, &arguments))
    }

    fn words(&self, name: &str, program: PathBuf, arguments: &[&str]) -> Words {
        let servers = [
            (
                "DATABASE_URL",
                self.services.database_uri().map(str::to_owned),
            ),
            ("REDIS_URL", self.services.redis_uri()),
        ];
        let servers = servers.into_iter();
        Words {
            program,
            arguments: arguments.iter().map(OsString::from).collect(),
            folder: self.peers.join(name),
            variables: servers
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        }
    }
}

/// A program that has to be there: an absolute path.
fn present(path: &Path) -> Result<PathBuf> {
    ensure!(
        path.is_file(),
        "expected {}; `cargo xtask bench compare` makes it",
        path.display()
    );
    std::path::absolute(path).with_context(|| format!("no path of {}", path.display()))
}
