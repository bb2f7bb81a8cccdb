//! `cargo xtask bench process [-- --tier sqlite|postgres|redis --synchronous normal|full --count N]`:
//! what one command costs when nothing else happens: until it is accepted, which is durable, and
//! until its effect can be seen in the projection, which a server in another process makes. Beside
//! it, what one bare commit of one row costs in the same database, with the same settings.
//!
//! The three are measured in turns, each after a pause in which everything comes to rest.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

mod bare;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bookshelf::Bookshelf;
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::{Lanes, Services, Tier};
use bookshelf::order::{OrderId, OrderSummary};
use clap::{Parser, ValueEnum};
use protean::App;
use protean_benchmarks::figures::Figures;
use protean_benchmarks::{order, program};

use bare::Bare;

/// Commands that find processes which have done nothing yet.
const WARM_UP: u32 = 50;

/// Before every measurement: far longer than anything takes that was left to do.
const REST: Duration = Duration::from_millis(20);

/// Between two looks, at least: little beside what is looked for. A look that takes longer is
/// followed by as much rest, so that the server has one of two processors to itself.
const LOOK_PAUSE: Duration = Duration::from_micros(50);

/// The longest time that an effect is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one command costs when nothing else happens
#[derive(Parser)]
struct Arguments {
    /// What the shop runs on
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    tier: Tier,
    /// Whether commits to SQLite wait for the disk, as those to PostgreSQL always do
    #[arg(long, value_enum, default_value_t = Synchronous::Normal)]
    synchronous: Synchronous,
    /// How many commands are measured
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

/// What a commit to a file survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Synchronous {
    /// The death of every process
    Normal,
    /// A machine that loses its power, too
    Full,
}

impl Synchronous {
    const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Full => "full",
        }
    }
}

/// What was measured, a time for each command.
#[derive(Default)]
struct Times {
    bare: Vec<Duration>,
    accepted: Vec<Duration>,
    visible: Vec<Duration>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let services = Services::start(arguments.tier)?;
    let folder = tempfile::tempdir()?;
    services.configure(folder.path(), Lanes::Two)?;
    if arguments.tier == Tier::Sqlite {
        // It ends with what is said of the database.
        let file = folder.path().join("domain.toml");
        let mut file = OpenOptions::new().append(true).open(file)?;
        writeln!(file, "synchronous = \"{}\"", arguments.synchronous.name())?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let times = runtime.block_on(async {
        let bookshelf = program("bookshelf")?;
        let server =
            Process::start(&bookshelf, folder.path(), &["server"], "Engine running").await?;
        let app = bookshelf::open(folder.path()).await?;
        let bare = Bare::open(
            folder.path(),
            services.database_uri(),
            arguments.synchronous,
        )
        .await?;
        measure(&app, &bare, WARM_UP).await?;
        let times = measure(&app, &bare, arguments.count).await?;
        server.stop().await?;
        anyhow::Ok(times)
    })?;
    print(&times);
    Ok(())
}

async fn measure(app: &App<Bookshelf>, bare: &Bare, count: u32) -> Result<Times> {
    let mut times = Times::default();
    for _ in 0..count {
        let order_id = OrderId::new();
        // sleep: so that everything has come to rest
        tokio::time::sleep(REST).await;
        times.bare.push(bare.commit(&order_id.to_string()).await?);
        // sleep: as before
        tokio::time::sleep(REST).await;
        let started = Instant::now();
        app.process(order(order_id)).await?;
        times.accepted.push(started.elapsed());
        see(app, order_id, started).await?;
        times.visible.push(started.elapsed());
    }
    Ok(times)
}

/// Looks until the order is in the projection, with pauses: whoever looks all the time keeps the
/// server from the processor.
async fn see(app: &App<Bookshelf>, order_id: OrderId, started: Instant) -> Result<()> {
    let summaries = app.view::<OrderSummary>();
    loop {
        let asked = Instant::now();
        if summaries.get(&order_id).await?.is_some() {
            return Ok(());
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "order {order_id} is not in the projection after {PATIENCE:?}"
        );
        // sleep: between two looks, in which the server may have the processor
        std::thread::sleep(asked.elapsed().max(LOOK_PAUSE));
    }
}

fn print(times: &Times) {
    println!("{:<10}{:>10}{:>10}{:>10}", "ms", "p50", "p99", "of bare");
    let [bare, accepted, visible] =
        [&times.bare, &times.accepted, &times.visible].map(|times| Figures::of(times));
    for (label, figures) in [("bare", bare), ("accepted", accepted), ("visible", visible)] {
        let ratio = figures.p50 / bare.p50;
        println!(
            "{label:<10}{:>10.3}{:>10.3}{ratio:>9.2}x",
            figures.p50, figures.p99
        );
    }
}
