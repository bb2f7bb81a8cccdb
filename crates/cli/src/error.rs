//! Why a command did not do what it was asked.

use protean_core::app::import;
use protean_core::port;

use crate::host::Cause;
use crate::output::Report;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program is another domain than the one asked for.
    #[error(
        "[PE0501] this program is the domain `{found}`, not `{asked}`; leave `--domain` out, or \
         use the `protean` launcher, which finds the program of a domain"
    )]
    OtherDomain {
        /// The name asked for.
        asked: String,
        /// The program's own.
        found: &'static str,
    },
    /// The application cannot be opened.
    #[error("{0}")]
    Start(Cause),
    /// What was asked for is not there.
    #[error("[PE0502] no {what}; {advice}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// How to find what there is.
        advice: &'static str,
    },
    /// It cannot be undone, so it has to be confirmed.
    #[error("[PE0503] {what} cannot be undone; confirm it with `--yes`")]
    Unconfirmed {
        /// What would have been done.
        what: &'static str,
    },
    /// It has to be confirmed, and there is nobody to ask.
    #[error(
        "[PE0902] expected a yes to `{what}?`, found no terminal to ask on; say it with `--yes`"
    )]
    Unasked {
        /// What would have been done.
        what: String,
    },
    /// Whoever was asked did not say yes.
    #[error("[PE0903] nothing was done, since the answer was not yes")]
    Declined,
    /// The domain has no such subscription.
    #[error("[PE0507] expected a subscription of this domain, found `{name}`; {advice}")]
    UnknownSubscription {
        /// The name asked for.
        name: String,
        /// Which one was meant, or how to find what there is.
        advice: String,
    },
    /// The domain has no such command.
    #[error("[PE0860] expected a command of this domain, found `{name}`; {advice}")]
    UnknownCommand {
        /// The name asked for.
        name: String,
        /// Which one was meant, or those there are.
        advice: String,
    },
    /// Arguments that do not go together.
    #[error("[PE0861] expected {why}")]
    Arguments {
        /// What was expected, and what was found.
        why: String,
    },
    /// Standard input cannot go on with an import.
    #[error(
        "[PE0895] expected a new name with standard input, found {name}, which is done with {rows} \
         rows: nobody can say whether the same comes through a pipe again; save it as a file, and \
         import that under another name, with `--key` if some of it is in"
    )]
    Piped {
        /// Its name.
        name: String,
        /// Rows that are done with.
        rows: String,
    },
    /// Somebody asked to stop.
    #[error("[PE0896] interrupted: {why}")]
    Interrupted {
        /// What is done, and how to go on.
        why: String,
    },
    /// A file cannot be read.
    #[error("[PE0862] cannot read {file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the operating system said.
        why: std::io::Error,
    },
    /// A file does not fit.
    #[error(transparent)]
    File(#[from] protean_import::Error),
    /// An import did not do what was asked.
    #[error(transparent)]
    Import(#[from] import::Error),
    /// The command did what it was asked, and found something that should not be.
    #[error("{}", .findings.join("\n"))]
    Findings {
        /// What is printed all the same.
        report: Report,
        /// What should not be, a line each.
        findings: Vec<String>,
    },
    /// The store said no.
    #[error(transparent)]
    Port(#[from] port::Error),
    /// What was found cannot be written.
    #[error("[PE0504] cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
    /// A worker does not start.
    #[error(
        "[PE0505] expected worker {number} to start, but it failed {starts} times in a row; the \
         last time: {why}"
    )]
    Worker {
        /// Which one, from 1.
        number: u32,
        /// How often it was started.
        starts: u32,
        /// What it said, or how it ended.
        why: String,
    },
    /// The server's own port cannot be had.
    #[error(
        "[PE0959] cannot listen for metrics at {address}: {cause}; say another `address` or `port` \
         under [server.metrics], or `metrics = false` under [server]"
    )]
    MetricsPort {
        /// Where it was wanted.
        address: std::net::SocketAddr,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The store has tools of its own for backups.
    #[error(
        "[PE0960] only the embedded tier is backed up here; back PostgreSQL up with its own tools, \
         such as `pg_dump --format=custom`"
    )]
    NoBackup,
    /// Somebody else cleans.
    #[error(
        "[PE0870] expected nobody else to clean, found another process at it; wait until it is done"
    )]
    Cleaning,
    /// There is nothing that workers could be started from.
    #[error(
        "[PE0506] expected to find the file of this program, to start workers from it: {0}; leave \
         `--workers` out to do without"
    )]
    OwnPath(std::io::Error),
}

impl Error {
    /// The application cannot be opened, because of this.
    pub(crate) fn start(cause: impl Into<Cause>) -> Self {
        Self::Start(cause.into())
    }

    /// The exit code that tells this kind of trouble.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::OtherDomain { .. }
            | Self::NoBackup
            | Self::Unconfirmed { .. }
            | Self::Unasked { .. }
            | Self::UnknownSubscription { .. }
            | Self::UnknownCommand { .. }
            | Self::Arguments { .. }
            | Self::Piped { .. }
            | Self::Unreadable { .. }
            | Self::File(_)
            | Self::Import(import::Error::Name { .. } | import::Error::Changed { .. }) => 2,
            Self::Start(_)
            | Self::Worker { .. }
            | Self::MetricsPort { .. }
            | Self::OwnPath(_)
            | Self::Import(import::Error::Busy { .. } | import::Error::Cancelled { .. }) => 3,
            Self::NotFound { .. }
            | Self::Cleaning
            | Self::Declined
            | Self::Interrupted { .. }
            | Self::Findings { .. }
            | Self::Import(_)
            | Self::Port(_)
            | Self::Output(_) => 1,
        }
    }
}
