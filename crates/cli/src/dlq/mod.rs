//! `dlq`: the messages that subscriptions gave up.

mod show;
mod which;

use clap::{Args, Subcommand};
use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port::DeadLetters;
use protean_core::port::dead_letters::Filter;
use serde_json::json;

use crate::confirm::confirm;
use crate::output::Report;
use crate::{Common, Error, grouped};
use which::Which;

/// Letters listed unless told otherwise.
const LIMIT_DEFAULT: usize = 50;

/// Said when there is no letter with the number asked for.
const SEE_LIST: &str = "`dlq list` shows those there are";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, oldest first
    List(List),
    /// Show one, with its error, its tries and its payload
    Inspect(One),
    /// Hand one back to the subscription that gave it up, on the lane it came on
    Replay(Replay),
    /// Hand all that match back to the subscriptions that gave them up, each on its lane
    ReplayAll(Many),
    /// Forget all that match for good
    Purge(Many),
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
pub struct Replay {
    #[command(flatten)]
    one: One,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Many {
    #[command(flatten)]
    which: Which,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without being asked
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// What is done to letters, in words.
struct Deed {
    /// Before it is done.
    verb: &'static str,
    /// When it is done.
    done: &'static str,
    /// The key of their number.
    key: &'static str,
}

const REPLAY: Deed = Deed {
    verb: "Replay",
    done: "Replayed",
    key: "replayed",
};

const PURGE: Deed = Deed {
    verb: "Purge",
    done: "Purged",
    key: "purged",
};

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::List(arguments) => &arguments.common,
            Self::Inspect(arguments) => &arguments.common,
            Self::Replay(arguments) => &arguments.one.common,
            Self::ReplayAll(arguments) | Self::Purge(arguments) => &arguments.common,
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let letters = &*app.tier().dead_letters;
        match self {
            Self::List(arguments) => {
                let filter = arguments.which.filter(app)?;
                list(letters, &filter, arguments.limit).await
            }
            Self::Inspect(arguments) => arguments.inspect(app).await,
            Self::Replay(arguments) => arguments.run(letters).await,
            Self::ReplayAll(arguments) => {
                let filter = arguments.which.filter(app)?;
                match arguments.may(&REPLAY, letters, &filter).await? {
                    Some(instead) => Ok(instead),
                    None => Ok(REPLAY.counted(letters.replay(&filter).await?)),
                }
            }
            Self::Purge(arguments) => {
                let filter = arguments.which.filter(app)?;
                match arguments.may(&PURGE, letters, &filter).await? {
                    Some(instead) => Ok(instead),
                    None => Ok(PURGE.counted(letters.purge(&filter).await?)),
                }
            }
        }
    }
}

async fn list(
    letters: &dyn DeadLetters,
    filter: &Filter,
    count_max: usize,
) -> Result<Report, Error> {
    let total = letters.count(filter).await?;
    let found = letters.list(filter, count_max).await?;
    Ok(show::list(&found, total))
}

impl Replay {
    async fn run(&self, letters: &dyn DeadLetters) -> Result<Report, Error> {
        let filter = self.one.filter();
        if self.dry_run {
            return match letters.count(&filter).await? {
                0 => Err(self.one.absent()),
                _ => list(letters, &filter, 1).await.map(|it| REPLAY.dry(it)),
            };
        }
        match letters.replay(&filter).await? {
            0 => Err(self.one.absent()),
            count => Ok(REPLAY.counted(count)),
        }
    }
}

impl Many {
    /// Nothing, when it is to be done; otherwise what is told instead.
    async fn may(
        &self,
        deed: &Deed,
        letters: &dyn DeadLetters,
        filter: &Filter,
    ) -> Result<Option<Report>, Error> {
        if self.dry_run {
            let would = list(letters, filter, LIMIT_DEFAULT).await?;
            return Ok(Some(deed.dry(would)));
        }
        if !self.yes {
            let count = messages(letters.count(filter).await?);
            confirm(&format!("{} {count}", deed.verb))?;
        }
        Ok(None)
    }
}

impl One {
    async fn inspect<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let tier = app.tier();
        let found = tier.dead_letters.list(&self.filter(), 1).await?;
        let letter = found.first().ok_or_else(|| self.absent())?;
        let subscription = std::slice::from_ref(&letter.subscription);
        let fates = tier.log.fates(&[letter.position], subscription).await?;
        let attempts = fates.first().map_or(&[][..], |fate| &fate.attempts);
        Ok(show::letter(letter, attempts))
    }

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

impl Deed {
    fn counted(&self, count: u64) -> Report {
        Report {
            text: format!("{} {}.\n", self.done, messages(count)),
            data: json!({ self.key: count }),
        }
    }

    /// What would be done.
    fn dry(&self, mut list: Report) -> Report {
        list.text += &format!("Nothing was {}: this was a dry run.\n", self.key);
        list.data["dry_run"] = true.into();
        list
    }
}

fn messages(count: u64) -> String {
    let noun = if count == 1 { "message" } else { "messages" };
    format!("{} {noun}", grouped(count))
}
