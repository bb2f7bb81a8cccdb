//! `lanes`: bulk work paused, resumed or held to a rate.
//!
//! It is about handling: whoever imports goes on importing, and what is accepted waits in its lane
//! until it is handled.

mod show;

use clap::{Args, Subcommand};
use protean_core::App;
use protean_core::config::nearest;
use protean_core::domain::Domain;
use protean_core::throttle::{Rate, Throttle};

use crate::output::Report;
use crate::{Common, Error};

use show::Change;
pub(crate) use show::cell;

/// What operators may ask of backfill lanes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start no more bulk messages: what runs finishes, and all are still accepted
    ///
    /// Every server holds to it within a second, also those that are started later, until the lane
    /// is resumed. Production traffic goes on, and so does whoever imports: messages are accepted
    /// and wait in their lane.
    Pause(Pause),
    /// Handle bulk messages at full speed again, after a pause or a limit
    ///
    /// What was asked of single subscriptions stays; it ends with `--subscription`.
    Resume(Resume),
    /// Start no more than so many bulk messages per second, all servers together
    ///
    /// Every server holds to it within a second. Servers that share subscriptions share the rate
    /// in equal parts. When the domain and a subscription have a limit, the lower one counts.
    /// Messages that are accepted are not counted, only those that are handled, and a message that
    /// fails counts at every try.
    Limit(Limit),
    /// Show what is asked of the backfill lanes, and what holds for each
    Status(Status),
}

/// What is paused.
#[derive(Debug, Args)]
pub struct Pause {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

/// What is resumed.
#[derive(Debug, Args)]
pub struct Resume {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

/// What is limited, and to what.
#[derive(Debug, Args)]
pub struct Limit {
    /// Messages per second, such as 500 or 0.5
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    rate: Rate,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

/// How the status is shown.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    common: Common,
}

/// Narrows the lanes down.
#[derive(Debug, Args)]
struct Which {
    /// Only that of this handler, on all streams that it reads
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
}

impl Command {
    pub(crate) const fn common(&self) -> &Common {
        match self {
            Self::Pause(arguments) => &arguments.common,
            Self::Resume(arguments) => &arguments.common,
            Self::Limit(arguments) => &arguments.common,
            Self::Status(arguments) => &arguments.common,
        }
    }

    pub(crate) async fn run<D: Domain>(&self, app: &App<D>) -> Result<Report, Error> {
        let (which, throttle) = match self {
            Self::Pause(arguments) => (&arguments.which, Throttle::Paused),
            Self::Resume(arguments) => (&arguments.which, Throttle::Running),
            Self::Limit(arguments) => (&arguments.which, Throttle::Limited(arguments.rate)),
            Self::Status(_) => {
                let asked = app.tier().controls.throttles().await?;
                return Ok(show::status(D::NAME, &names(app), &asked));
            }
        };
        let subscription = which.checked(app)?;
        let controls = &app.tier().controls;
        let change = Change {
            domain: D::NAME,
            subscription,
            before: controls.throttle(subscription, throttle).await?,
            now: throttle,
            asked: controls.throttles().await?,
        };
        Ok(change.report())
    }
}

impl Which {
    /// The subscription, if the domain has it.
    fn checked<D: Domain>(&self, app: &App<D>) -> Result<Option<&str>, Error> {
        let Some(name) = self.subscription.as_deref() else {
            return Ok(None);
        };
        let known = names(app);
        if known.iter().any(|known| known == name) {
            return Ok(Some(name));
        }
        let advice = match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`lanes status` shows those there are".to_owned(),
        };
        Err(Error::UnknownSubscription {
            name: name.to_owned(),
            advice,
        })
    }
}

/// The names of the domain's subscriptions, each once.
fn names<D: Domain>(app: &App<D>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for subscription in app.subscriptions() {
        if !names.iter().any(|known| **known == *subscription.name) {
            names.push(subscription.name.to_string());
        }
    }
    names
}
