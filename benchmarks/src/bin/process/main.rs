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
mod sight;

use std::fs::OpenOptions;
use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bookshelf::Bookshelf;
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::{Lanes, Services, Tier};
use bookshelf::order::OrderId;
use clap::{Parser, ValueEnum};
use protean::App;
use protean_benchmarks::figures::Figures;
use protean_benchmarks::{order, program};
use tokio::runtime::Runtime;

use bare::Bare;
use sight::{Begun, Sight};

/// Commands that find processes which have done nothing yet.
const WARM_UP: u32 = 50;

/// Before every measurement: far longer than anything takes that was left to do.
const REST: Duration = Duration::from_millis(20);

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
    let runtime = Runtime::new()?;
    let bookshelf = program("bookshelf")?;
    let (home, uri) = (folder.path(), services.database_uri());
    let server = Process::start(&bookshelf, home, &["server"], "Engine running");
    let server = runtime.block_on(server)?;
    let mut client = Client {
        app: runtime.block_on(bookshelf::open(home))?,
        bare: Arc::new(runtime.block_on(Bare::open(home, uri, arguments.synchronous))?),
        sight: Sight::open(home, uri)?,
        runtime,
    };
    let warm_up = client.measure(WARM_UP)?;
    client.sight.train(&warm_up.visible);
    let times = client.measure(arguments.count)?;
    client.runtime.block_on(server.stop())?;
    print(&times);
    Ok(())
}

/// Who orders, and looks what becomes of it.
struct Client {
    app: App<Bookshelf>,
    bare: Arc<Bare>,
    sight: Sight,
    runtime: Runtime,
}

impl Client {
    fn measure(&mut self, count: u32) -> Result<Times> {
        let mut times = Times::default();
        for _ in 0..count {
            let order_id = OrderId::new();
            // sleep: so that everything has come to rest
            std::thread::sleep(REST);
            let (bare, id) = (self.bare.clone(), order_id.to_string());
            let commit = self.as_a_request(async move { bare.commit(id).await })?;
            times.bare.push(commit);
            // sleep: as before
            std::thread::sleep(REST);
            let app = self.app.clone();
            let (begun, accepted) = self.as_a_request(async move {
                let (begun, started) = (Begun::now(), Instant::now());
                app.process(order(order_id)).await?;
                Ok((begun, started.elapsed()))
            })?;
            times.accepted.push(accepted);
            times.visible.push(self.sight.see(order_id, begun)?);
        }
        Ok(times)
    }

    /// Does something where a web server does what it is asked for: in a task of its own.
    fn as_a_request<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.runtime.block_on(self.runtime.spawn(work))?
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
