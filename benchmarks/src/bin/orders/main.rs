//! `cargo xtask bench orders [-- --tier sqlite|postgres|redis --clients N --seconds N]`: how many
//! orders a shop takes from many customers at once, each of whom waits for the answer and orders
//! again. They are accepted over HTTP and handled by a server that is a process of its own; the
//! measurement ends when all are in the projection.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark talks to the person who started it"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bookshelf::demo::client::{Client, ORDER};
use bookshelf::demo::process::Process;
use bookshelf::demo::tier::{Lanes, Services, Tier};
use bookshelf::order::OrderSummary;
use clap::Parser;
use protean::cli::grouped;
use protean_benchmarks::bookstore::until_handled;
use protean_benchmarks::figures::Figures;
use protean_benchmarks::program;
use tokio::task::JoinSet;

/// The longest time that the last orders are waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many orders a shop takes from many customers at once
#[derive(Parser)]
struct Arguments {
    /// What the shop runs on
    #[arg(long, value_enum, default_value_t = Tier::Sqlite)]
    tier: Tier,
    /// Customers who order at the same time
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// For how long they order
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How often all of it is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
}

/// What came of it.
struct Measured {
    orders: u64,
    errors: u64,
    /// From the first request to the last answer.
    accepting: Duration,
    /// From the first request until all orders are in the projection.
    handling: Duration,
    /// From a request to its answer.
    answers: Vec<Duration>,
}

/// The orders of one customer.
#[derive(Default)]
struct Orders {
    answers: Vec<Duration>,
    errors: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!(
        "{:>6}{:>10}{:>8}{:>14}{:>12}{:>12}{:>12}",
        "round", "orders", "errors", "accepted/s", "handled/s", "202 p50 ms", "202 p99 ms"
    );
    for nth in 1..=arguments.repetitions {
        let services = Services::start(arguments.tier)?;
        let folder = tempfile::tempdir()?;
        services.configure(folder.path(), Lanes::Two)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let measured = runtime.block_on(measure(&arguments, folder.path()))?;
        print(nth, measured);
    }
    Ok(())
}

async fn measure(arguments: &Arguments, home: &Path) -> Result<Measured> {
    let bookshelf = program("bookshelf")?;
    let server = Process::start(&bookshelf, home, &["server"], "Engine running").await?;
    let api = Process::start(&bookshelf, home, &["api", "--port", "0"], "Listening on").await?;
    let address = api.first_line().trim_start_matches("Listening on http://");
    let client = Arc::new(Client::new(address)?);
    let app = bookshelf::open(home).await?;

    let started = Instant::now();
    let end = started + Duration::from_secs(arguments.seconds);
    let mut customers = JoinSet::new();
    for _ in 0..arguments.clients {
        customers.spawn(order_until(client.clone(), end));
    }
    let mut all = Orders::default();
    while let Some(one) = customers.join_next().await {
        let one = one??;
        all.answers.extend(one.answers);
        all.errors += one.errors;
    }
    let accepting = started.elapsed();
    let handling = until_handled(&app, started, PATIENCE).await?;
    let orders = app
        .view::<OrderSummary>()
        .select()
        .limit(1)
        .page()
        .await?
        .total;
    ensure!(
        orders == all.answers.len() as u64,
        "expected {} orders in the projection, found {orders}",
        all.answers.len()
    );
    api.stop().await?;
    server.stop().await?;
    Ok(Measured {
        orders,
        errors: all.errors,
        accepting,
        handling,
        answers: all.answers,
    })
}

/// Orders again and again, on a connection of its own.
async fn order_until(client: Arc<Client>, end: Instant) -> Result<Orders> {
    let mut orders = Orders::default();
    let mut connection = client.connect().await?;
    while Instant::now() < end {
        let started = Instant::now();
        let answer = connection.post("/orders", ORDER).await?;
        match answer.accepted("order_id") {
            Ok(_) => orders.answers.push(started.elapsed()),
            Err(_) => orders.errors += 1,
        }
    }
    Ok(orders)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "rates are positive and far below 2^52"
)]
fn print(nth: u32, measured: Measured) {
    let Measured {
        orders,
        errors,
        accepting,
        handling,
        answers,
    } = measured;
    let answers = Figures::of(&answers);
    let rate = |took: Duration| grouped((orders as f64 / took.as_secs_f64()) as u64);
    println!(
        "{nth:>6}{:>10}{errors:>8}{:>14}{:>12}{:>12.1}{:>12.1}",
        grouped(orders),
        rate(accepting),
        rate(handling),
        answers.p50,
        answers.p99,
    );
}
