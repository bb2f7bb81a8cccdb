//! Which dead letters are meant.

use clap::Args;
use jiff::Timestamp;
use protean_core::App;
use protean_core::domain::Domain;
use protean_core::port::dead_letters::Filter;
use protean_core::port::imports::correlation_prefix;

use crate::lane_name::LaneName;
use crate::{Error, moment};

/// Narrows the letters down; all conditions hold together.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only those of this handler
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Only those of this lane
    #[arg(long, value_enum)]
    lane: Option<LaneName>,
    /// Only those whose last failure said this, in capital or small letters
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// Only those given up then or later: 2026-03-01, 2026-03-01T08:30:00Z, or 90m ago
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    since: Option<Timestamp>,
    /// Only those given up before then
    #[arg(long, value_name = "MOMENT", value_parser = moment::parse)]
    until: Option<Timestamp>,
    /// Only those that came with the import of this name
    #[arg(long, value_name = "NAME")]
    import: Option<String>,
}

impl Which {
    /// The filter, if the domain has the subscription it names.
    pub(super) fn filter<D: Domain>(&self, app: &App<D>) -> Result<Filter, Error> {
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
        Ok(Filter {
            subscription: self.subscription.clone(),
            lane: self.lane.map(Into::into),
            id: None,
            error: self.error.clone(),
            since: self.since,
            until: self.until,
            correlation_prefix: self.import.as_deref().map(correlation_prefix),
        })
    }
}
