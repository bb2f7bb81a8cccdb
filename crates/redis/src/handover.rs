//! Handing over: what a process that stops was handed and did not run, others have at once. Without
//! it they would wait until it counts as dead.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protean_core::{Lane, port};

use crate::error::failed;
use crate::link::Shared;
use crate::script::HAND_OVER;

/// The consumer that has what was handed over, until somebody takes it. No other is called so, since
/// the names of consumers say which subscription they are of.
pub(crate) const NOBODY: &str = "nobody";

/// Entries that are handed over in one step: Redis does nothing else meanwhile.
const STEP_MAX: u64 = 256;

/// Steps for each consumer at most: more than any consumer has in hand.
const STEPS_MAX: usize = 64;

/// The consumers of this process, by their streams and groups.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    known: Mutex<HashMap<Group, (Lane, String)>>,
    /// How often it was heard that somebody gave something back.
    freed: AtomicU64,
}

/// A stream, and a group of it.
type Group = (String, Arc<str>);

impl Consumers {
    /// A consumer of this process, in the place of the one before it in its group, if there was one.
    pub(crate) fn add(&self, group: Group, lane: Lane, consumer: String) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(group, (lane, consumer));
    }

    /// Hands over what the consumers of this process have in hand, after `idle` of which anybody may
    /// take it. They must not run any of it from now on.
    pub(crate) async fn hand_over(
        &self,
        links: &[Shared; 2],
        idle: Duration,
    ) -> Result<(), port::Error> {
        for ((stream, group), (lane, consumer)) in self.take() {
            let mut call = HAND_OVER.prepare_invoke();
            call.key(stream);
            call.arg(&*group).arg(consumer).arg(NOBODY).arg(STEP_MAX);
            call.arg(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
            for _ in 0..STEPS_MAX {
                let link = &links[lane.index()];
                let step = link.run(async |link| call.invoke_async::<u64>(link).await);
                let count = step.await.map_err(|error| failed("handing over", &error))?;
                if count < STEP_MAX {
                    break;
                }
            }
        }
        Ok(())
    }

    fn take(&self) -> HashMap<Group, (Lane, String)> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *known)
    }

    /// Somebody has given something back.
    pub(crate) fn hear(&self) {
        self.freed.fetch_add(1, Ordering::AcqRel);
    }

    /// How often that was heard.
    pub(crate) fn freed(&self) -> u64 {
        self.freed.load(Ordering::Acquire)
    }
}
