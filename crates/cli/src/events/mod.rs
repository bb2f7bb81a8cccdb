//! `events`: the messages, as they were written, and what became of them.

mod arguments;
mod follow;
pub(crate) mod show;
mod story;
mod tree;
pub(crate) mod tries;

use clap::Subcommand;
use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port::store::Position;
use uuid::Uuid;

use crate::output::Report;
use crate::{Common, Error};
use arguments::{LIMIT_DEFAULT, Read, Search, Stats, Trace};
use story::Story;

/// The most messages of one trace that are shown.
const TRACE_MAX: usize = 1_000;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a stream, such as `bookshelf::book`, or that of one aggregate,
    /// `bookshelf::book-<id>`
    Read(Read),
    /// Find the newest messages of a type, a request, an aggregate or a time
    ///
    /// With a correlation id or an aggregate the whole log is searched; without, the newest million
    /// messages of the time that is asked for.
    Search(Search),
    /// Show how much each lane of each stream has taken in
    Stats(Stats),
    /// Show everything that one request caused, as a tree, and what became of it
    ///
    /// Under each message stand the subscriptions that read it, each with its lane and its tries:
    /// how long the message had waited, how long the run took that handled it, and with how many
    /// others it was handled. At the end it says where the tree is broken, or what it waits for.
    Trace(Trace),
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::Read(arguments) => &arguments.common,
            Self::Search(arguments) => &arguments.common,
            Self::Stats(arguments) => &arguments.common,
            Self::Trace(arguments) => &arguments.common,
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let log = &app.tier().log;
        match self {
            Self::Read(arguments) if arguments.follow => follow::follow(app, arguments).await,
            Self::Read(arguments) => {
                let from = Position(arguments.from.unwrap_or_default());
                let (stream, lane) = (&arguments.stream, arguments.lane.map(Into::into));
                let limit = arguments.limit.unwrap_or(LIMIT_DEFAULT);
                let entries = log.read(stream, lane, from, limit).await?;
                Ok(show::entries(stream, &entries))
            }
            Self::Search(arguments) => {
                let entries = log.search(&arguments.search(), arguments.limit).await?;
                Ok(show::found(&entries))
            }
            Self::Stats(_) => Ok(show::stats(&log.stats().await?)),
            Self::Trace(arguments) => trace(app, &arguments.id).await,
        }
    }
}

/// What one request caused, by its correlation id or by the id of one of its messages.
async fn trace<D: Domain>(app: &App<D>, id: &str) -> Result<Report, Error> {
    let log = &app.tier().log;
    let mut entries = log.trace(id, TRACE_MAX).await?;
    if entries.is_empty()
        && let Ok(id) = id.parse::<Uuid>()
        && let Some(entry) = log.find(id).await?
    {
        let correlation_id = &entry.message.correlation_id;
        entries = log.trace(correlation_id, TRACE_MAX).await?;
    }
    if entries.is_empty() {
        return Err(Error::NotFound {
            what: format!("message with the correlation id or the id `{id}`"),
            advice: "`events search` shows those of the newest messages",
        });
    }
    let is_cut = entries.len() == TRACE_MAX;
    let mut report = tree::report(&Story::of(app, entries).await?);
    report.data["is_cut"] = is_cut.into();
    if is_cut {
        report.text += &format!("Only its first {TRACE_MAX} messages are shown.\n");
    }
    Ok(report)
}
