//! The customers of our own shop: an order for every line, at once.

use std::io::{BufRead, stdin};
use std::path::Path;

use anyhow::Result;
use bookshelf::order::OrderId;
use protean_benchmarks::order;
use tokio::sync::mpsc;

/// Lines that wait to be taken up.
const LINES_MAX: usize = 1_024;

/// Places an order for every line of its input, which is the identity of it, in the shop of the
/// current folder. Prints `ready` once it does.
///
/// # Errors
/// When the shop cannot be opened, a line is no identity, or an order is not accepted.
pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let app = bookshelf::open(Path::new(".")).await?;
        println!("ready");
        let mut lines = lines();
        let mut orders = tokio::task::JoinSet::new();
        while let Some(line) = lines.recv().await {
            let order_id: OrderId = line.parse()?;
            let app = app.clone();
            orders.spawn(async move { app.process(order(order_id)).await.map(drop) });
            while let Some(done) = orders.try_join_next() {
                done??;
            }
        }
        while let Some(done) = orders.join_next().await {
            done??;
        }
        Ok(())
    })
}

fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(LINES_MAX);
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}
