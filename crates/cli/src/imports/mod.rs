//! `imports`: bulk imports looked at, paused, resumed and cancelled, wherever they run.

mod show;

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use protean_core::App;
use protean_core::app::import::Record;
use protean_core::domain::Domain;
use protean_core::port::imports::State;

use crate::output::Report;
use crate::{Common, Error};

/// Imports listed unless told otherwise.
const LIMIT_DEFAULT: usize = 50;

/// Failures shown unless told otherwise.
const FAILURES_DEFAULT: usize = 100;

/// After this time in which nothing was heard of its runner, an import has none: it tells four times
/// a second.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// What operators may ask of imports.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first
    List(List),
    /// Show how far one is, and what failed of it
    Show(Show),
    /// Submit no more rows of one, until it is resumed
    ///
    /// Whoever runs it waits, within a second. What was submitted goes on being handled; see `lanes
    /// pause`.
    Pause(One),
    /// Go on with one that is paused
    Resume(One),
    /// End one for good, and withdraw what nobody has handled of it
    ///
    /// Every command of it is either handled or withdrawn. What was handled stays, with all that
    /// follows from it. Running this again withdraws what an interrupted one has left.
    Cancel(One),
}

/// How many are listed.
#[derive(Debug, Args)]
pub struct List {
    /// List at most so many
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

/// What is shown of which.
#[derive(Debug, Args)]
pub struct Show {
    /// The name that `imports list` shows
    name: String,
    /// Show what subscriptions gave up of it, with the line each comes from
    #[arg(long)]
    failures: bool,
    /// Show at most so many failures
    #[arg(long, value_name = "N", default_value_t = FAILURES_DEFAULT)]
    limit: usize,
    #[command(flatten)]
    common: Common,
}

/// Which.
#[derive(Debug, Args)]
pub struct One {
    /// The name that `imports list` shows
    name: String,
    #[command(flatten)]
    common: Common,
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::List(arguments) => &arguments.common,
            Self::Show(arguments) => &arguments.common,
            Self::Pause(arguments) | Self::Resume(arguments) | Self::Cancel(arguments) => {
                &arguments.common
            }
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let imports = app.imports();
        match self {
            Self::List(arguments) => Ok(show::list(&imports.list(arguments.limit).await?)),
            Self::Show(arguments) => {
                let import = imports.find(&arguments.name).await?;
                if arguments.failures {
                    let failures = imports.failures(&arguments.name, arguments.limit).await?;
                    return Ok(show::failures(&import, &failures));
                }
                let handled = imports.handled(&import.progress).await?;
                Ok(show::one(&import, handled))
            }
            Self::Pause(arguments) => ask(app, arguments, State::Paused).await,
            Self::Resume(arguments) => ask(app, arguments, State::Running).await,
            Self::Cancel(arguments) => {
                let cancelled = imports.cancel(&arguments.name).await?;
                Ok(show::cancelled(&cancelled))
            }
        }
    }
}

async fn ask<D: Domain>(app: &App<D>, one: &One, state: State) -> Result<Report, Error> {
    let before = app.imports().ask(&one.name, state).await?;
    Ok(show::asked(&one.name, before, state))
}

/// What an import is up to: its state, or `interrupted` when it should run and nobody runs it.
pub(crate) fn condition(import: &Record) -> &'static str {
    let silent = Timestamp::now()
        .duration_since(import.updated)
        .unsigned_abs();
    match import.state {
        State::Running if silent > SILENCE_MAX => "interrupted",
        state => state.name(),
    }
}
