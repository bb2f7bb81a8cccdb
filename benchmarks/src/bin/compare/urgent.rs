//! Orders at a fixed rate, and when they can be seen.

use std::io::Write;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bookshelf::order::OrderId;
use protean_benchmarks::schedule::Schedule;
use protean_benchmarks::watch::{ACCEPTED_MAX, Awaited, Seen, Sign, watch};

use crate::place::Place;

/// Between the start of the watch and the first order.
const LEAD: Duration = Duration::from_millis(50);

/// What came of the orders, and the books that came in meanwhile.
pub(crate) struct Urgent {
    pub(crate) seen: Seen,
    pub(crate) books_per_second: f64,
}

/// Has orders placed as the schedule says. Each is one line to a program that does nothing else;
/// its time runs from the instant at which it was due to the first look that sees it.
pub(crate) fn place_orders(place: &mut Place, schedule: Schedule) -> Result<Urgent> {
    let mut input = place.submitter.take_input()?;
    let looks = place.other_looks()?;
    let (sender, accepted) = sync_channel(ACCEPTED_MAX);
    let watching = std::thread::spawn(move || watch(&looks, &accepted));
    let start = Instant::now() + LEAD;
    let pace = std::thread::spawn(move || {
        schedule.pace(start, |one, due| {
            let id = OrderId::new().to_string();
            let is_sent = writeln!(input, "{id}").and_then(|()| input.flush()).is_ok();
            let awaited = Awaited {
                due,
                counts: one.counts,
                sign: Sign::Order(id),
            };
            is_sent && sender.try_send(awaited).is_ok()
        });
        input
    });
    let books_per_second = books(place, start + schedule.warm_up, start + schedule.duration());
    let input = pace.join().map_err(|_| anyhow!("the pace was lost"))?;
    let seen = watching.join().map_err(|_| anyhow!("the watch ended"))??;
    place.submitter.put_input(input);
    Ok(Urgent {
        seen,
        books_per_second: books_per_second?,
    })
}

/// How many books come in, in a second, from one instant to another.
#[allow(
    clippy::cast_precision_loss,
    reason = "a catalog has far less than 2^52 entries"
)]
fn books(place: &Place, from: Instant, to: Instant) -> Result<f64> {
    let count = |at: Instant| {
        // sleep: it is the instant that is asked for
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let at = Instant::now();
        place.looks.books().map(|books| (at, books))
    };
    let (from, before) = count(from)?;
    let (to, after) = count(to)?;
    let books = after.checked_sub(before).context("books went away")?;
    Ok(books as f64 / (to - from).as_secs_f64())
}
