//! How much bulk work may still be sent before whoever sends it has to wait: `max_backlog`.
//!
//! What waits is what the subscriptions that handle the commands have before them on their backfill
//! lanes, wherever it is: not handled yet, in hand or set aside, and on a tier with a broker apart
//! from the store what has not reached that. The store counts it at a cost that does not depend on
//! how much it is.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::App;
use crate::domain::{Domain, Subscriber};
use crate::port::broker::Subscription;
use crate::{Lane, port};

/// Between two looks at what waits, and for how long one look is believed: seldom enough to cost
/// nothing, and no longer than a backlog takes to run dry that was worth a limit.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What one producer of bulk work may still send.
#[derive(Debug)]
pub(super) struct Headroom {
    backlog_max: Option<NonZeroU32>,
    /// The streams of the commands that it sent so far.
    streams: BTreeSet<Arc<str>>,
    look: Option<Look>,
    waits_since: Option<Instant>,
}

/// What was found.
#[derive(Debug)]
struct Look {
    at: Instant,
    /// How much was missing from the limit, less what was sent since.
    room: u64,
}

impl Headroom {
    /// That of a new producer. Commands that are handled inline never wait.
    pub(super) fn of<D: Domain>(app: &App<D>) -> Self {
        let backlog_max = app.config().server.priority_lanes.max_backlog;
        Self {
            backlog_max: backlog_max.filter(|_| !app.handles_commands_inline()),
            streams: BTreeSet::new(),
            look: None,
            waits_since: None,
        }
    }

    /// Whether there is a limit.
    pub(super) const fn is_limited(&self) -> bool {
        self.backlog_max.is_some()
    }

    /// How many commands go together at most, by which a limit may be passed.
    pub(super) fn chunk_max(&self, usual: usize) -> usize {
        self.backlog_max.map_or(usual, |max| {
            usize::try_from(max.get()).map_or(usual, |max| usual.min(max))
        })
    }

    /// From now on it sends to this stream, too.
    pub(super) fn concern(&mut self, stream: Arc<str>) {
        if self.streams.insert(stream) {
            self.look = None;
        }
    }

    /// Waits until so many commands of the backfill lane may go.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing has gone.
    pub(super) async fn wait<D: Domain>(&mut self, app: &App<D>, count: usize) {
        while !self.admit(app, count).await {
            // sleep: between two looks at what waits, since nobody tells when it is handled
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Whether so many commands of the backfill lane may go now; if so, they have. When nobody can
    /// say what waits they go, too: what is wrong with the store is told by their own write.
    pub(super) async fn admit<D: Domain>(&mut self, app: &App<D>, count: usize) -> bool {
        let (Some(max), 1..) = (self.backlog_max, count) else {
            return true;
        };
        let believed = self.look.take();
        let is_fresh = |look: &Look| look.room > 0 && look.at.elapsed() < LOOK_INTERVAL;
        let mut look = match believed.filter(is_fresh) {
            Some(look) => look,
            None => match self.backlog(app).await {
                Ok(backlog) => self.found(max, backlog),
                Err(error) => {
                    tracing::warn!(%error, "nobody can say how much waits; bulk work goes on");
                    return true;
                }
            },
        };
        let may_go = look.room > 0;
        look.room = look.room.saturating_sub(count as u64);
        self.look = Some(look);
        may_go
    }

    /// The most that waits on the backfill lane of a subscription that handles the commands.
    async fn backlog<D: Domain>(&self, app: &App<D>) -> Result<u64, port::Error> {
        let all = app.registry().subscriptions().iter();
        let handlers = all.filter(|known| {
            known.subscriber == Subscriber::CommandHandler && self.streams.contains(&known.stream)
        });
        let handlers: Vec<_> = handlers
            .map(|known| Subscription::new(known.name, known.stream.clone()))
            .collect();
        let backlogs = app.tier().broker.backlogs(&handlers).await?;
        let lags = backlogs
            .iter()
            .map(|lanes| lanes[Lane::Backfill.index()].lag);
        Ok(lags.max().unwrap_or(0))
    }

    /// What that leaves; tells the log when the producer begins to wait, and when it goes on.
    fn found(&mut self, max: NonZeroU32, backlog: u64) -> Look {
        let max = u64::from(max.get());
        let streams = &self.streams;
        let look = Look {
            at: Instant::now(),
            room: max.saturating_sub(backlog),
        };
        match (self.waits_since, look.room) {
            (None, 0) => {
                self.waits_since = Some(look.at);
                tracing::info!(?streams, backlog, max_backlog = max, "bulk work waits");
            }
            (Some(since), 1..) => {
                self.waits_since = None;
                let waited_ms = since.elapsed().as_secs_f64() * 1_000.0;
                tracing::info!(?streams, backlog, waited_ms, "bulk work goes on");
            }
            _ => {}
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_no_greater_than_the_limit() {
        let chunk = |backlog_max| {
            let headroom = Headroom {
                backlog_max: NonZeroU32::new(backlog_max),
                streams: BTreeSet::new(),
                look: None,
                waits_since: None,
            };
            headroom.chunk_max(500)
        };
        assert_eq!([chunk(0), chunk(7), chunk(100_000)], [500, 7, 500]);
    }
}
