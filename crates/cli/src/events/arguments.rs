//! What is asked of the log.

use clap::Args;
use jiff::Timestamp;
use protean_core::naming::split_entity;
use protean_core::port::log;

use crate::lane_name::LaneName;
use crate::{Common, moment};

/// Messages shown unless told otherwise.
pub(super) const LIMIT_DEFAULT: usize = 20;

#[derive(Debug, Args)]
pub struct Read {
    /// The stream's name
    pub(super) stream: String,
    /// Begin with this position [default: the first, or with `--follow` the next that is published]
    #[arg(long, value_name = "POSITION")]
    pub(super) from: Option<u64>,
    /// Read at most so many [default: 20, or with `--follow` all]
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    /// Go on with what is published, as it comes, until interrupted; a line for each message
    #[arg(long)]
    pub(super) follow: bool,
    /// Only those of this lane
    #[arg(long, value_enum)]
    pub(super) lane: Option<LaneName>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub struct Search {
    /// Only those of this type, such as `Bookshelf.AddBook.v1`
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Only those that this request caused
    #[arg(long, value_name = "CORRELATION_ID")]
    correlation: Option<String>,
    /// Only those about this aggregate: its identity, or its stream, `bookshelf::book-<id>`
    #[arg(long, value_name = "ID")]
    aggregate: Option<String>,
    /// Only those of this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Only those of this lane
    #[arg(long, value_enum)]
    lane: Option<LaneName>,
    /// Only those made then or later: 2026-03-01, 2026-03-01T08:30:00Z, or 90m ago
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// Only those made before then
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    until: Option<Timestamp>,
    /// Find at most so many
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
    pub(super) limit: usize,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub struct Stats {
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Args)]
pub struct Trace {
    /// The correlation id of the request, or the id of any of its messages
    #[arg(value_name = "CORRELATION_ID")]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) common: Common,
}

impl Search {
    /// What is looked for.
    pub(super) fn search(&self) -> log::Search {
        let aggregate = self.aggregate.as_deref();
        let entity = aggregate.and_then(split_entity);
        let stream = entity.map(|(stream, _)| stream.to_owned());
        log::Search {
            stream: self.stream.clone().or(stream),
            lane: self.lane.map(Into::into),
            type_name: self.type_name.clone(),
            correlation_id: self.correlation.clone(),
            key: entity.map(|(_, key)| key).or(aggregate).map(str::to_owned),
            since: self.since,
            until: self.until,
        }
    }
}
