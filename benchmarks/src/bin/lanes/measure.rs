//! One measurement: one phase at one rate, in a shop of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use bookshelf::demo::tier::{Services, Tier};
use rustix::time::{ClockId, clock_gettime};

use crate::backlog::Backlog;
use crate::phase::Phase;
use crate::shop::{Count, Shop};
use protean_benchmarks::figures::Figures;
use protean_benchmarks::interrupt::until_interrupted;
use protean_benchmarks::load::Answered;
use protean_benchmarks::schedule::Schedule;
use protean_benchmarks::traffic::{Traffic, open};
use protean_benchmarks::watch::Seen;

/// Between two looks at the backlog.
const BACKLOG_INTERVAL: Duration = Duration::from_millis(250);

/// How long before the first request that counts the books are counted, which takes a processor for
/// a moment.
const COUNT_EARLY: Duration = Duration::from_millis(500);

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// From the instant at which a request was due to its answer.
    pub(crate) answered: Figures,
    /// From that instant to the end of the first look that saw the effect.
    pub(crate) visible: Figures,
    /// What the benchmark itself adds to both.
    pub(crate) late: Figures,
    /// Processors that the benchmark used, of which the watch is a part.
    pub(crate) processors: f64,
    pub(crate) books_per_second: f64,
    pub(crate) backlog: Backlog,
    pub(crate) import_ended: bool,
    /// Requests that were not accepted, and messages that were given up.
    pub(crate) errors: u64,
    /// Why, of some.
    pub(crate) told: Vec<String>,
    /// Requests whose effect was not seen in time.
    pub(crate) missed: u64,
}

/// What happened between the first request that counts and the last one.
struct Window {
    processors: f64,
    backlog: Backlog,
    import_ended: bool,
    books_per_second: f64,
}

/// Measures a phase; blocks until it is over and everything that it needed has gone.
pub(crate) fn measure(
    tier: Tier,
    phase: Phase,
    schedule: Schedule,
    catalog: &Path,
) -> Result<Measured> {
    let services = Services::start(tier)?;
    until_interrupted(shop(&services, phase, schedule, catalog))
}

async fn shop(
    services: &Services,
    phase: Phase,
    schedule: Schedule,
    catalog: &Path,
) -> Result<Measured> {
    let mut shop = Shop::start(services, phase).await?;
    open(&shop.front, schedule.per_second).await?;
    if phase.imports() {
        shop.start_import(phase, catalog).await?;
    }
    let measured = load(&mut shop, phase, schedule).await?;
    shop.end().await?;
    Ok(measured)
}

async fn load(shop: &mut Shop, phase: Phase, schedule: Schedule) -> Result<Measured> {
    let traffic = Traffic::start(&shop.front, shop.books.clone(), schedule)?;
    let window = window(shop, phase, schedule, traffic.start).await?;
    let (answered, seen) = traffic.end().await?;
    Ok(Measured::new(&window, answered, &seen))
}

/// Looks on while requests come in.
async fn window(
    shop: &mut Shop,
    phase: Phase,
    schedule: Schedule,
    start: Instant,
) -> Result<Window> {
    let first = start + schedule.warm_up;
    tokio::time::sleep_until((first - COUNT_EARLY.min(schedule.warm_up)).into()).await;
    let before = shop.count().await?;
    tokio::time::sleep_until(first.into()).await;
    let (began, used) = (Instant::now(), processor_time());
    let end = start + schedule.duration();
    let mut backlog = Backlog::default();
    while Instant::now() < end {
        backlog.look(&shop.app, phase.lanes()).await?;
        let next = (Instant::now() + BACKLOG_INTERVAL).min(end);
        tokio::time::sleep_until(next.into()).await;
    }
    let used = processor_time().saturating_sub(used);
    let processors = used.as_secs_f64() / began.elapsed().as_secs_f64();
    let import_ended = shop.import_ended()?;
    let after = shop.count().await?;
    Ok(Window {
        processors,
        backlog,
        import_ended,
        books_per_second: rate(before, after),
    })
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a catalog has far less than 2^52 entries"
)]
fn rate(before: Count, after: Count) -> f64 {
    let books = after.books.saturating_sub(before.books) as f64;
    books / (after.at - before.at).as_secs_f64()
}

/// The time of processors that this process has used.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

impl Measured {
    fn new(window: &Window, answered: Answered, seen: &Seen) -> Self {
        let mut told = answered.told;
        let dead = window.backlog.dead;
        if dead > 0 {
            told.push(format!("{dead} messages were given up"));
        }
        Self {
            answered: Figures::of(&answered.times),
            visible: Figures::of(&seen.times),
            late: Figures::of(&answered.late),
            processors: window.processors,
            books_per_second: window.books_per_second,
            backlog: window.backlog,
            import_ended: window.import_ended,
            errors: answered.errors + dead,
            told,
            missed: seen.missed,
        }
    }
}
