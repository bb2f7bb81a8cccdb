//! How far what an import submitted has come.

use std::time::Duration;

use super::{Error, Imports};
use crate::domain::{Domain, Subscriber};
use crate::port;
use crate::port::imports::Progress;

/// The longest name an import has: it is part of every correlation id.
pub const NAME_LENGTH_MAX: usize = 100;

/// Between two looks whether all is settled.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How many commands of an import have taken effect at least. Other work in the same lanes counts
/// as if it came first, so the numbers may lag behind and are never too great.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// Commands that were handled, or given up.
    pub handled: u64,
    /// Of these, those whose events every projector has seen.
    pub projected: u64,
}

/// Whether an import may have this name.
///
/// # Errors
/// When it is too long, or has other letters.
pub fn check_name(name: &str) -> Result<(), Error> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.chars().all(is_letter) {
        return Ok(());
    }
    let found = name.chars().take(NAME_LENGTH_MAX).collect();
    Err(Error::Name { found })
}

impl<D: Domain> Imports<'_, D> {
    /// How many of an import's commands have taken effect, from how much is before the
    /// subscriptions: as cheap as their status.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn handled(&self, progress: &Progress) -> Result<Handled, port::Error> {
        let app = self.app();
        let subscriptions = app.subscriptions();
        let backlogs = app.tier().broker.backlogs(&subscriptions).await?;
        let (mut commands, mut events) = (0, 0);
        for (known, lanes) in app.registry().subscriptions().iter().zip(backlogs) {
            let lag = lanes.iter().map(|lane| lane.lag).sum();
            match known.subscriber {
                Subscriber::CommandHandler => commands = u64::max(commands, lag),
                Subscriber::Projector => events = u64::max(events, lag),
                Subscriber::EventHandler => {}
            }
        }
        let handled = progress.accepted.saturating_sub(commands);
        Ok(Handled {
            handled,
            projected: handled.saturating_sub(events),
        })
    }

    /// Waits until every command of an import, and all that it caused, is settled by every
    /// subscription of the domain: handled, or given up. It tells meanwhile how far that is.
    ///
    /// Nothing is counted: it waits until all that was published up to the import's last message is
    /// settled, then up to the last one that those caused, until nothing follows any more. Other
    /// work before it in the same queues is waited for, too.
    ///
    /// # Errors
    /// When there is no such import, or the store cannot answer.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    pub async fn settled(&self, name: &str, mut tell: impl FnMut(Handled)) -> Result<(), Error> {
        let progress = self.find(name).await?.progress;
        let subscriptions = self.app().subscriptions();
        let imports = &self.app().tier().imports;
        let mut upto = progress.last;
        loop {
            let trail = imports.trail(&subscriptions, name, upto).await?;
            match trail.beyond {
                None if trail.is_settled => return Ok(()),
                Some(beyond) => upto = beyond,
                None => {}
            }
            tell(self.handled(&progress).await?);
            // sleep: between two looks, since nobody tells when all is settled
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_plain_letters() {
        for name in ["books", "books-2026_11.csv", &"x".repeat(NAME_LENGTH_MAX)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a:b", "ä", &"x".repeat(NAME_LENGTH_MAX + 1)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
