//! `dlq`: the messages that subscriptions gave up.

mod show;

use clap::{Args, Subcommand, ValueEnum};
use protean_core::domain::Domain;
use protean_core::port::dead_letters::Filter;
use protean_core::{App, Lane};
use serde_json::json;

use crate::output::Report;
use crate::{Common, Error, grouped};

/// Letters listed unless told otherwise.
const LIMIT_DEFAULT: usize = 50;

/// Said when there is no letter with the number asked for.
const SEE_LIST: &str = "`dlq list` shows those there are";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, oldest first
    List(List),
    /// Show one, with its payload
    Inspect(One),
    /// Hand one back to the subscription that gave it up
    Replay(One),
    /// Hand all back to the subscriptions that gave them up
    ReplayAll(All),
    /// Forget them for good
    Purge(Purge),
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    which: Which,
    /// List at most so many
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct One {
    /// The number that `dlq list` shows
    id: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct All {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct Purge {
    #[command(flatten)]
    which: Which,
    /// Do it, although it cannot be undone
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// Narrows the letters down.
#[derive(Debug, Args)]
struct Which {
    /// Only those of this handler
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Only those of this lane
    #[arg(long, value_enum)]
    lane: Option<LaneName>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LaneName {
    Primary,
    Backfill,
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::List(arguments) => &arguments.common,
            Self::Inspect(arguments) | Self::Replay(arguments) => &arguments.common,
            Self::ReplayAll(arguments) => &arguments.common,
            Self::Purge(arguments) => &arguments.common,
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let letters = &app.tier().dead_letters;
        match self {
            Self::List(arguments) => {
                let filter = arguments.which.filter(app)?;
                let found = letters.list(&filter, arguments.limit).await?;
                Ok(show::list(&found))
            }
            Self::Inspect(arguments) => {
                let found = letters.list(&arguments.filter(), 1).await?;
                found
                    .first()
                    .map(show::letter)
                    .ok_or_else(|| arguments.absent())
            }
            Self::Replay(arguments) => match letters.replay(&arguments.filter()).await? {
                0 => Err(arguments.absent()),
                count => Ok(counted("Replayed", "replayed", count)),
            },
            Self::ReplayAll(arguments) => {
                let count = letters.replay(&arguments.which.filter(app)?).await?;
                Ok(counted("Replayed", "replayed", count))
            }
            Self::Purge(arguments) => {
                let what = "purging dead letters";
                if !arguments.yes {
                    return Err(Error::Unconfirmed { what });
                }
                let count = letters.purge(&arguments.which.filter(app)?).await?;
                Ok(counted("Purged", "purged", count))
            }
        }
    }
}

impl Which {
    /// The filter, if the domain has the subscription it names.
    fn filter<D: Domain>(&self, app: &App<D>) -> Result<Filter, Error> {
        if let Some(name) = &self.subscription
            && !app
                .subscriptions()
                .iter()
                .any(|known| *known.name == **name)
        {
            return Err(Error::NotFound {
                what: format!("subscription `{name}`"),
                advice: "`subscriptions status` shows those there are",
            });
        }
        let lane = self.lane.map(|lane| match lane {
            LaneName::Primary => Lane::Primary,
            LaneName::Backfill => Lane::Backfill,
        });
        Ok(Filter {
            subscription: self.subscription.clone(),
            lane,
            id: None,
            correlation_prefix: None,
        })
    }
}

impl One {
    fn filter(&self) -> Filter {
        Filter {
            id: Some(self.id),
            ..Filter::default()
        }
    }

    fn absent(&self) -> Error {
        Error::NotFound {
            what: format!("dead letter {}", self.id),
            advice: SEE_LIST,
        }
    }
}

fn counted(done: &str, key: &str, count: u64) -> Report {
    let noun = if count == 1 { "message" } else { "messages" };
    Report {
        text: format!("{done} {} {noun}.\n", grouped(count)),
        data: json!({ key: count }),
    }
}
