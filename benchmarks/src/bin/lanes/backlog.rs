//! Whether there was always something to import.

use anyhow::Result;
use bookshelf::Bookshelf;
use bookshelf::demo::tier::Lanes;
use protean::App;

/// What was before the subscriptions, in some looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) looks: u32,
    /// Looks that found nothing to import.
    pub(crate) dry: u32,
    /// The least that was found.
    pub(crate) least: u64,
    /// Messages given up.
    pub(crate) dead: u64,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            looks: 0,
            dry: 0,
            least: u64::MAX,
            dead: 0,
        }
    }
}

impl Backlog {
    /// Looks once, at a cost that does not depend on how much there is.
    pub(crate) async fn look(&mut self, app: &App<Bookshelf>, lanes: Lanes) -> Result<()> {
        let subscriptions = app.subscriptions();
        let all = app.tier().broker.backlogs(&subscriptions).await?;
        let before: u64 = all
            .iter()
            .map(|[primary, backfill]| match lanes {
                Lanes::Two => backfill.lag,
                Lanes::One => primary.lag + backfill.lag,
            })
            .sum();
        self.looks += 1;
        self.dry += u32::from(before == 0);
        self.least = self.least.min(before);
        self.dead = all.iter().flatten().map(|lane| lane.dead).sum();
        Ok(())
    }
}
