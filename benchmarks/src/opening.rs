//! The shop before anything is measured.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::front::Front;
use crate::load::Load;
use crate::schedule::Schedule;
use crate::watch::{ACCEPTED_MAX, watch};

/// How long orders come before anything else happens.
const OPENING: Duration = Duration::from_secs(8);

/// Between the start of the watch and the first request.
const LEAD: Duration = Duration::from_millis(50);

/// Takes orders for a while, so many per second, as in a shop that has been open for long: there the
/// processes know what their work takes while nobody imports anything.
///
/// # Errors
/// When the benchmark itself fails; what becomes of the orders is not counted.
///
/// # Cancel safety
/// Dropping the future ends all requests.
pub async fn open(front: &Front, per_second: u32) -> Result<()> {
    if per_second == 0 {
        return Ok(());
    }
    let schedule = Schedule {
        per_second,
        warm_up: OPENING,
        measured: Duration::ZERO,
    };
    let (sender, accepted) = mpsc::sync_channel(ACCEPTED_MAX);
    let looks = front.looks();
    let watching = tokio::task::spawn_blocking(move || watch(&looks()?, &accepted));
    let load = Load::new(front.client()?, Vec::new(), sender);
    load.run(schedule, Instant::now() + LEAD).await?;
    watching.await??;
    Ok(())
}
