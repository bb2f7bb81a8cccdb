//! Which processes share the work of handlers on the backfill lane.

use std::collections::HashMap;
use std::time::Duration;

/// How long after its last sign a process counts as sharing: a few of its longest rests.
const SHARING: Duration = Duration::from_secs(2);

/// The most processes that are remembered: with more of them each part is too small to matter.
const KNOWN_MAX: usize = 64;

/// The processes that run handlers of backfill, by their signs.
#[derive(Debug, Default)]
pub(super) struct Sharers {
    own: Option<Duration>,
    others: HashMap<String, Duration>,
}

impl Sharers {
    /// This process runs handlers.
    pub(super) const fn take_part(&mut self, now: Duration) {
        self.own = Some(now);
    }

    /// Another process does.
    pub(super) fn see(&mut self, process: &str, now: Duration) {
        self.others.retain(|_, seen| is_recent(*seen, now));
        if self.others.len() < KNOWN_MAX {
            self.others.insert(process.to_owned(), now);
        }
    }

    /// How many processes share the work of this one, with itself: no other if it runs no handlers.
    pub(super) fn count(&self, now: Duration) -> u32 {
        if !self.own.is_some_and(|seen| is_recent(seen, now)) {
            return 1;
        }
        let recent = self.others.values().filter(|seen| is_recent(**seen, now));
        u32::try_from(recent.count()).map_or(u32::MAX, |others| others.saturating_add(1))
    }
}

fn is_recent(seen: Duration, now: Duration) -> bool {
    now.saturating_sub(seen) < SHARING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_share_and_importers_do_not() {
        let second = Duration::from_secs(1);
        let mut sharers = Sharers::default();
        sharers.see("one", second);
        assert_eq!(sharers.count(second), 1, "an importer");
        sharers.take_part(second);
        assert_eq!(sharers.count(second), 2);
        sharers.see("other", 2 * second);
        sharers.see("other", 2 * second);
        assert_eq!(sharers.count(2 * second), 3);
        sharers.take_part(3 * second);
        assert_eq!(sharers.count(3 * second), 2, "one is silent");
        assert_eq!(sharers.count(6 * second), 1, "nobody is heard any more");
    }
}
