//! `events`: the messages, as they were written.

pub(crate) mod show;
mod tree;

use clap::{Args, Subcommand};
use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port::store::Position;

use crate::output::Report;
use crate::{Common, Error};

/// Messages read from a stream unless told otherwise.
const LIMIT_DEFAULT: usize = 20;

/// The most messages of one trace that are shown.
const TRACE_MAX: usize = 1_000;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a stream, such as `bookshelf::book`, or that of one aggregate,
    /// `bookshelf::book-<id>`
    Read(Read),
    /// Show everything that one request caused, as a tree
    Trace(Trace),
}

#[derive(Debug, Args)]
pub struct Read {
    /// The stream's name
    stream: String,
    /// Begin with this position
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    from: u64,
    /// Read at most so many
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct Trace {
    /// The correlation id of the request
    correlation_id: String,
    #[command(flatten)]
    common: Common,
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::Read(arguments) => &arguments.common,
            Self::Trace(arguments) => &arguments.common,
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let log = &app.tier().log;
        match self {
            Self::Read(arguments) => {
                let from = Position(arguments.from);
                let stream = &arguments.stream;
                let entries = log.read(stream, from, arguments.limit).await?;
                Ok(show::entries(stream, &entries))
            }
            Self::Trace(arguments) => {
                let id = &arguments.correlation_id;
                let entries = log.trace(id, TRACE_MAX).await?;
                if entries.is_empty() {
                    return Err(Error::NotFound {
                        what: format!("message with the correlation id `{id}`"),
                        advice: "`events read STREAM --json` shows the ids of messages",
                    });
                }
                Ok(tree::report(&entries))
            }
        }
    }
}
