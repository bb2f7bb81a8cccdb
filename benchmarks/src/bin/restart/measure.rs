//! One measurement, in a shop of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use bookshelf::demo::tier::{Services, Tier};
use protean_benchmarks::figures::Figures;
use protean_benchmarks::interrupt::until_interrupted;
use protean_benchmarks::load::Answered;
use protean_benchmarks::schedule::Schedule;
use protean_benchmarks::traffic::{Traffic, open};
use protean_benchmarks::watch::Seen;

use crate::Phase;
use crate::shop::Shop;

/// What is done while orders come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) phase: Phase,
    pub(crate) servers: u64,
    /// Between the start of one server and the stop of the next, as whoever rolls a new version out
    /// waits until the last one is well.
    pub(crate) pause: Duration,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// From the instant at which an order was due to its answer.
    pub(crate) answered: Figures,
    /// From that instant to the end of the first look that saw it handled.
    pub(crate) visible: Figures,
    /// Servers that were restarted.
    pub(crate) restarts: u64,
    /// Orders that were not accepted, or not seen in time.
    pub(crate) errors: u64,
    /// Why, of some.
    pub(crate) told: Vec<String>,
}

/// Measures a phase; blocks until it is over and everything that it needed has gone.
pub(crate) fn measure(
    tier: Tier,
    plan: Plan,
    schedule: Schedule,
    catalog: &Path,
) -> Result<Measured> {
    let services = Services::start(tier)?;
    until_interrupted(shop(&services, plan, schedule, catalog))
}

async fn shop(
    services: &Services,
    plan: Plan,
    schedule: Schedule,
    catalog: &Path,
) -> Result<Measured> {
    let mut shop = Shop::start(services, plan.servers).await?;
    open(&shop.front, schedule.per_second).await?;
    if plan.phase != Phase::Idle {
        shop.start_import(catalog).await?;
    }
    let traffic = Traffic::start(&shop.front, Vec::new(), schedule)?;
    let start = traffic.start;
    tokio::time::sleep_until((start + schedule.warm_up).into()).await;
    let restarts = match plan.phase {
        Phase::Restarts => restarts(&mut shop, plan.pause, start + schedule.duration()).await?,
        Phase::Idle | Phase::Import => 0,
    };
    let (answered, seen) = traffic.end().await?;
    shop.end().await?;
    Ok(Measured::new(answered, &seen, restarts))
}

/// Restarts one server after the other until then; how many.
async fn restarts(shop: &mut Shop, pause: Duration, end: Instant) -> Result<u64> {
    let mut count = 0;
    while Instant::now() + pause < end {
        shop.restart().await?;
        count += 1;
        // sleep: who rolls out waits between two servers
        tokio::time::sleep(pause).await;
    }
    Ok(count)
}

impl Measured {
    fn new(answered: Answered, seen: &Seen, restarts: u64) -> Self {
        Self {
            answered: Figures::of(&answered.times),
            visible: Figures::of(&seen.times),
            restarts,
            errors: answered.errors + seen.missed,
            told: answered.told,
        }
    }
}
