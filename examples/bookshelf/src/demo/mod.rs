//! The demonstration: a server, an API and an import as processes of their own, and a customer who
//! orders a book every 50 ms and watches the clock; on a tier that is asked for.

pub mod client;
pub mod process;
pub mod tier;

mod check;
mod customer;
mod latency;
mod report;
mod screen;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use protean::App;
use protean::cli::{Status, grouped};

use crate::import::{Tally, say};
use crate::{Bookshelf, sample};
use customer::Customer;
use latency::Latencies;
use process::Process;
use report::Report;
use screen::Screen;
use tier::{Lanes, Services, Tier};

/// Between two orders.
const ORDER_INTERVAL: Duration = Duration::from_millis(50);

/// Orders before the measurement, which find processes that have done nothing yet.
const WARM_UP_ORDERS: u32 = 20;

/// Between two looks at the lanes.
const STATUS_INTERVAL: Duration = Duration::from_millis(200);

/// The longest time the lanes may stand still before the demonstration gives up.
const STALL_MAX: Duration = Duration::from_secs(60);

/// What is demonstrated.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How many books are imported
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..))]
    rows: u64,
    /// How many orders are measured before the import
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    idle_orders: u32,
    /// What the shop runs on; servers that it needs are started, and end with the demonstration
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    tier: Tier,
}

/// Demonstrates, and reports. The exit code is 1 when something failed, or was not there exactly
/// once in the end.
#[must_use]
pub fn run_program(arguments: &Arguments) -> ExitCode {
    match run(arguments) {
        Ok(report) => {
            say(&format!("\n{report}"));
            if report.passed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            say(&format!("The demonstration failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Demonstrates, between the start and the end of the tier's servers.
fn run(arguments: &Arguments) -> Result<Report> {
    let services = Services::start(arguments.tier)?;
    say(&services.banner());
    let runtime = tokio::runtime::Runtime::new()?;
    let mut report = runtime.block_on(async {
        let interrupted = protean::cli::stop_requested()?;
        tokio::select! {
            report = demonstrate(arguments, &services) => report,
            // The processes that were started end with the future that is dropped here.
            () = interrupted => bail!("it was interrupted"),
        }
    })?;
    report.redis_peak = services.redis_peak_bytes()?;
    Ok(report)
}

async fn demonstrate(arguments: &Arguments, services: &Services) -> Result<Report> {
    let folder = tempfile::tempdir().context("no folder for the demonstration")?;
    let home = folder.path();
    services.configure(home, Lanes::Two)?;
    let catalog = home.join("catalog.csv");
    sample::write_catalog(arguments.rows, std::fs::File::create(&catalog)?)?;
    say(&format!(
        "A catalog of {} books is written.",
        grouped(arguments.rows)
    ));

    // Every part is played by this very program, started again.
    let program = std::env::current_exe().context("no path of this program")?;
    let server = Process::start(&program, home, &["server"], "Engine running").await?;
    let api = ["api", "--port", "0"];
    let api = Process::start(&program, home, &api, "Listening on").await?;
    let address = api.first_line().trim_start_matches("Listening on http://");
    say(&format!(
        "The server runs; the API listens on http://{address}."
    ));
    let app = crate::open(home).await?;

    let customer = Customer::new(address)?;
    customer.order_times(WARM_UP_ORDERS).await?;
    customer.take_latencies();
    say(&format!(
        "Placing {} orders while nothing else happens…",
        arguments.idle_orders
    ));
    customer.order_times(arguments.idle_orders).await?;
    let idle = customer.take_latencies();

    let importer = ["import-vintage-press", "catalog.csv", "--json"];
    let importer = || Process::spawn(&program, home, &importer);
    let (books, busy) = import(&app, importer, &customer).await?;
    let check = check::everything(&app, &catalog, customer.orders()).await?;
    let peak_memory = server.peak_memory_bytes();
    api.stop().await?;
    server.stop().await?;
    Ok(Report {
        books,
        idle,
        busy,
        check,
        peak_memory,
        redis_peak: None,
    })
}

/// What the import came to.
struct Books {
    tally: Tally,
    took: Duration,
}

/// Imports while the customer goes on ordering, until the last book is in the catalog.
async fn import(
    app: &App<Bookshelf>,
    importer: impl FnOnce() -> Result<Process>,
    customer: &Customer,
) -> Result<(Books, Latencies)> {
    say("Importing with BULK priority while orders are placed…");
    let started = Instant::now();
    let mut importer = importer()?;
    let ordering = customer.start_ordering();
    watch(app, &mut importer).await?;
    let took = started.elapsed();
    ordering.stop().await?;
    let output = importer.finish().await?;
    let answer = output.last().map_or("", String::as_str);
    let answer: serde_json::Value =
        serde_json::from_str(answer).context("the importer gave no answer")?;
    let tally = serde_json::from_value(answer["data"].clone())?;
    Ok((Books { tally, took }, customer.take_latencies()))
}

/// Shows the lanes until the importer has ended and they are empty.
async fn watch(app: &App<Bookshelf>, importer: &mut Process) -> Result<()> {
    let mut screen = Screen::new();
    let mut least = (u64::MAX, Instant::now());
    loop {
        // The lag is read after the importer was seen to have ended, so 0 means that all is done.
        let importing = importer.is_running()?;
        let status = Status::of(app).await?;
        screen.show(&status);
        if !importing && status.lag() == 0 {
            return Ok(());
        }
        // The customer goes on ordering, so that the lag always changes; it has to get less.
        if importing || status.lag() < least.0 {
            least = (status.lag(), Instant::now());
        } else if least.1.elapsed() > STALL_MAX {
            bail!("nothing moved for {STALL_MAX:?}:\n{status}");
        }
        tokio::time::sleep(STATUS_INTERVAL).await;
    }
}
