//! What a transaction takes for granted, so that it needs one round.

use std::collections::HashSet;

use deadpool_postgres::Client;

use super::attempt::{Abort, Attempt};
use super::batch::messages;
use super::cursors::{Locks, Moved};
use super::fate::Own;

/// What a transaction takes for granted, from the most to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Where cursors are, as this process has left them: all is sent in one round. For whoever has
    /// the lane to itself, since everybody else moves them.
    AtOnce,
    /// What goes along with its commits, as long as nothing is seen that stands against it.
    Along,
    /// Nothing.
    Plain,
}

impl Way {
    /// The next one, when something was not as it was believed to be.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::AtOnce => Self::Along,
            Self::Along | Self::Plain => Self::Plain,
        }
    }
}

impl Attempt<'_> {
    /// Which transaction it is that needs one round, since it has nothing but new messages, or what
    /// else it needs can be guessed; none if something has to be known before the end.
    pub(super) fn sent_at_once(&mut self, client: &Client) -> Result<Option<Own>, Abort> {
        let first = self.commits.iter().copied().flat_map(messages).next();
        let (Some(first), Some(backend)) = (first, self.database.inner.pools.backend(client))
        else {
            return Ok(None);
        };
        let publishes_alone =
            self.sets.is_empty() && self.settlements.is_empty() && self.companions.is_empty();
        if !self.publication.keys.is_empty() || !(publishes_alone || self.guess()?) {
            return Ok(None);
        }
        Ok(Some(Own::Sent {
            backend,
            id: first.id,
            correlation_id: first.correlation_id.to_string(),
        }))
    }

    /// Settles by what is known of the cursors; `false` when that is not enough.
    fn guess(&mut self) -> Result<bool, Abort> {
        let known = &self.database.inner.committers.known;
        let may = self.way == Way::AtOnce && self.settlements.are_plain() && known.is_trusted();
        if !may {
            return Ok(false);
        }
        let locks = Locks::of(&self.settlements, &self.companions);
        let Some(believed) = locks.believed(known) else {
            return Ok(false);
        };
        if !self.settlements.take_in(&believed) {
            return Ok(false);
        }
        let refused = self.settlements.settle(&[]);
        if !refused.map_err(|error| self.abort(&error))?.is_empty() {
            return Ok(false);
        }
        if !self.companions.all_at(&believed) {
            return Ok(false);
        }
        self.companions.decide(&believed, &HashSet::new());
        let moved = Moved::of(&self.settlements, &self.companions, &believed);
        self.cursors = believed;
        Ok(moved.is_plain())
    }
}
