//! What a run tells of the handler that it was run by.

use protean_core::port::broker::Subscription;

use super::batch::Work;
use crate::lane::Scheduler;

/// What a run tells of its subscription's handler.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Whose failures say nothing about them: keys, or positions.
    pub(super) outages: Vec<u64>,
    /// Whether the handler did its work.
    pub(super) handled: bool,
}

impl Signs {
    /// Tells the scheduler, and the log when that changes what is run; whether it does.
    pub(super) fn tell(
        &self,
        scheduler: &mut Scheduler<Work>,
        (nth, subscription): (usize, &Subscription),
    ) -> bool {
        let before = scheduler.is_left_alone(nth);
        for message in &self.outages {
            scheduler.failed(nth, *message);
        }
        if self.handled {
            scheduler.handled(nth);
        }
        let name = &subscription.name;
        let after = scheduler.is_left_alone(nth);
        match (before, after) {
            (false, true) => tracing::error!(
                subscription = %name,
                "the handler fails for everything; both lanes wait, but for one message at a time"
            ),
            (true, false) => tracing::info!(subscription = %name, "the handler works again"),
            _ => {}
        }
        before != after
    }
}
