//! Requests that come at a fixed rate, and whoever looks when their effects can be seen.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::front::Front;
use crate::load::{Answered, Load};
use crate::schedule::Schedule;
use crate::watch::{ACCEPTED_MAX, Seen, watch};

/// Between the start of the watch and the first request.
const LEAD: Duration = Duration::from_millis(50);

/// How long orders come before anything else happens.
const OPENING: Duration = Duration::from_secs(8);

/// Requests that are coming.
#[derive(Debug)]
pub struct Traffic {
    /// When the schedule began.
    pub start: Instant,
    loading: JoinHandle<Result<Answered>>,
    watching: JoinHandle<Result<Seen>>,
}

impl Traffic {
    /// Begins with the requests of a schedule, which change prices of these books now and then, if
    /// there are any.
    ///
    /// # Errors
    /// When the API told no address.
    pub fn start(front: &Front, books: Vec<String>, schedule: Schedule) -> Result<Self> {
        let client = front.client()?;
        let (sender, accepted) = mpsc::sync_channel(ACCEPTED_MAX);
        let looks = front.looks();
        let watching = tokio::task::spawn_blocking(move || watch(&looks()?, &accepted));
        let start = Instant::now() + LEAD;
        let loading = tokio::spawn(Load::new(client, books, sender).run(schedule, start));
        Ok(Self {
            start,
            loading,
            watching,
        })
    }

    /// Waits until all are answered, and seen or given up.
    ///
    /// # Errors
    /// When the benchmark itself fails; a request that fails is counted.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the requests to go on.
    pub async fn end(self) -> Result<(Answered, Seen)> {
        let answered = self.loading.await??;
        Ok((answered, self.watching.await??))
    }
}

/// Takes orders for a while, so many per second, as in a shop that has been open for long: there the
/// processes know what their work takes while nobody imports anything.
///
/// # Errors
/// When the benchmark itself fails; what becomes of the orders is not counted.
///
/// # Cancel safety
/// Dropping the future leaves the orders to go on.
pub async fn open(front: &Front, per_second: u32) -> Result<()> {
    if per_second == 0 {
        return Ok(());
    }
    let schedule = Schedule {
        per_second,
        warm_up: OPENING,
        measured: Duration::ZERO,
    };
    let traffic = Traffic::start(front, Vec::new(), schedule)?;
    traffic.end().await.map(drop)
}
