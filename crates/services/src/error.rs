//! Why a server did not do what it was asked.

use std::io;
use std::time::Duration;

/// Why a server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is not installed.
    #[error(
        "[PE0701] expected `{program}` on PATH{also}; install it with `apt-get install {package}`, \
         or the package of the same purpose of your system"
    )]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// Where it was looked for besides, or nothing.
        also: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// There is no account to run a server as that refuses to run as root.
    #[error(
        "[PE0702] expected an account `{name}`, because PostgreSQL does not run as root: {why}; \
         the package postgresql makes the account, and without it `useradd --system {name}` does"
    )]
    MissingAccount {
        /// The name of the account.
        name: &'static str,
        /// What was found instead.
        why: String,
    },
    /// The operating system refused something.
    #[error("[PE0703] cannot {what}: {source}")]
    Refused {
        /// What was tried.
        what: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A program failed.
    #[error("[PE0704] expected `{program}` to succeed, found {found}")]
    Failed {
        /// The program and what it was asked.
        program: String,
        /// How it ended and what it said.
        found: String,
    },
    /// A server did not get ready.
    #[error(
        "[PE0705] expected {server} to be ready within {limit:?}, but {found}; its log ends with:\n\
         {log}"
    )]
    NotReady {
        /// The server.
        server: &'static str,
        /// How long it was waited for.
        limit: Duration,
        /// What it did instead.
        found: &'static str,
        /// The end of its log.
        log: String,
    },
    /// A server did not end.
    #[error(
        "[PE0706] expected {server} and all its processes to end within {limit:?}, found some of \
         them running; its log ends with:\n{log}"
    )]
    NotEnded {
        /// The server.
        server: &'static str,
        /// How long it was waited for.
        limit: Duration,
        /// The end of its log.
        log: String,
    },
    /// A server that runs was started.
    #[error(
        "[PE0707] expected {server} to be stopped, found it running; `stop` or `kill` it first"
    )]
    Running {
        /// The server.
        server: &'static str,
    },
    /// A server that does not run was asked to end.
    #[error("[PE0708] expected {server} to be running, found it stopped; call `start_again` first")]
    Stopped {
        /// The server.
        server: &'static str,
    },
    /// A server gave an answer that does not fit the question.
    #[error("[PE0709] expected {expected} from {server}, found {found:?}")]
    Answer {
        /// The server.
        server: &'static str,
        /// What was asked for.
        expected: String,
        /// What it said.
        found: String,
    },
}

impl Error {
    /// The operating system refused to do `what`.
    pub(crate) fn refused(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Refused { what, source }
    }
}
