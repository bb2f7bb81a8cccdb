//! Taking over from consumers that have died.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;

use protean_core::{Lane, port};
use redis::{Cmd, Value};

use super::RedisFeed;
use crate::broker::Inner;
use crate::entry::{Entry, of_list};
use crate::error::failed;
use crate::handover::NOBODY;
use crate::script::FORGET;

/// How often a consumer says that it is alive.
const LIFE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a consumer may be silent before what it was handed is anybody's.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(3);

/// An id behind that of any entry.
const BEHIND_ALL: &str = "18446744073709551615-0";

/// How long a consumer that has nothing is remembered.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// A consumer of the group.
struct Other {
    name: String,
    pending: u64,
    idle: Duration,
}

/// Reads entries of its own that there cannot be, which others take as a sign of life.
pub(super) fn sign_of_life(stream: &str, group: &str, consumer: &str) -> Cmd {
    redis::cmd("XREADGROUP")
        .arg("GROUP")
        .arg(group)
        .arg(consumer)
        .arg("STREAMS")
        .arg(stream)
        .arg(BEHIND_ALL)
        .to_owned()
}

/// Says that a consumer is alive for as long as its feed is there, also while nobody fetches
/// because there is enough to do.
pub(super) async fn live(broker: Weak<Inner>, lane: Lane, sign: Cmd, feed: Weak<()>) {
    loop {
        // sleep: the interval between two signs of life
        tokio::time::sleep(LIFE_INTERVAL).await;
        let Some(broker) = broker.upgrade().filter(|_| feed.strong_count() > 0) else {
            return;
        };
        if let Err(error) = broker.links[lane.index()].send::<Value>(&sign).await {
            tracing::debug!(%error, "no sign of life");
        }
    }
}

impl RedisFeed {
    /// Entries of consumers that have been silent for too long, at most `count_max`. Notices also
    /// when this one has entries that it does not know: a replica that took over may not have heard
    /// what was acknowledged, and they would keep the stream full for ever.
    pub(super) async fn take_over(&mut self, count_max: usize) -> Result<Vec<Entry>, port::Error> {
        let mut taken = Vec::new();
        for other in self.consumers().await? {
            if other.name == self.consumer {
                let known = (self.entries.len() + self.acks.len()) as u64;
                let more = other.pending > known;
                if more || other.pending > 0 && !self.knows_its_oldest().await? {
                    self.reread = Some("0".to_owned());
                }
                continue;
            }
            let may_be_alive = other.idle < SILENCE_MAX && other.name != NOBODY;
            if may_be_alive || taken.len() >= count_max {
                continue;
            }
            if other.pending == 0 {
                if other.idle >= FORGET_AFTER {
                    self.forget(&other.name).await?;
                }
                continue;
            }
            let room = count_max - taken.len();
            let claimed = self.claim(&other.name, room).await?;
            if !claimed.is_empty() {
                tracing::info!(
                    consumer = %other.name,
                    entries = claimed.len(),
                    "taking over what another consumer had"
                );
            }
            taken.extend(claimed);
        }
        Ok(taken)
    }

    async fn consumers(&self) -> Result<Vec<Other>, port::Error> {
        let command = redis::cmd("XINFO")
            .arg("CONSUMERS")
            .arg(&self.stream)
            .arg(&*self.subscription.name)
            .to_owned();
        let found: Vec<HashMap<String, Value>> = self
            .link()
            .ask("the consumers of a group", &command)
            .await?;
        Ok(found.into_iter().filter_map(other).collect())
    }

    /// Whether the oldest entry that the group has for this consumer is one that it knows of, or
    /// is not there any more. How many there are says too little: others that it knows may be lost.
    async fn knows_its_oldest(&self) -> Result<bool, port::Error> {
        let oldest = self.pending(&self.consumer, 1).await?;
        let mut known = self.entries.values().chain(&self.acks);
        Ok(oldest
            .first()
            .is_none_or(|oldest| known.any(|id| id == oldest)))
    }

    /// The oldest entries of a consumer, at most `count_max`.
    async fn pending(&self, consumer: &str, count_max: usize) -> Result<Vec<String>, port::Error> {
        let command = redis::cmd("XPENDING")
            .arg(&self.stream)
            .arg(&*self.subscription.name)
            .arg("-")
            .arg("+")
            .arg(count_max)
            .arg(consumer)
            .to_owned();
        let found: Vec<(String, String, u64, u64)> =
            self.link().ask("what a consumer has", &command).await?;
        Ok(found.into_iter().map(|one| one.0).collect())
    }

    async fn claim(&self, other: &str, count_max: usize) -> Result<Vec<Entry>, port::Error> {
        let ids = self.pending(other, count_max).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let claim = redis::cmd("XCLAIM")
            .arg(&self.stream)
            .arg(&*self.subscription.name)
            .arg(&self.consumer)
            // Whoever else takes over at the same moment comes second.
            .arg(u64::try_from(SILENCE_MAX.as_millis()).unwrap_or(u64::MAX) / 2)
            .arg(&ids)
            .to_owned();
        let claimed: Value = self.link().ask("what a dead consumer had", &claim).await?;
        Ok(of_list(claimed))
    }

    async fn forget(&self, other: &str) -> Result<(), port::Error> {
        let mut call = FORGET.prepare_invoke();
        call.key(&self.stream);
        call.arg(&*self.subscription.name).arg(other);
        let forgotten = self
            .link()
            .run(async |link| call.invoke_async::<u64>(link).await);
        forgotten
            .await
            .map(drop)
            .map_err(|error| failed("forgetting a consumer", &error))
    }
}

fn other(mut fields: HashMap<String, Value>) -> Option<Other> {
    let mut field = |name| fields.remove(name);
    Some(Other {
        name: redis::from_redis_value(field("name")?).ok()?,
        pending: redis::from_redis_value(field("pending")?).ok()?,
        idle: Duration::from_millis(redis::from_redis_value(field("idle")?).ok()?),
    })
}
