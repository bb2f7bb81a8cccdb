//! When what was accepted can be seen: the thread that looks.

use std::sync::mpsc::{Receiver, RecvError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::look::Looks;

/// Between two looks, while something is awaited: the resolution of what is measured. A look costs
/// a tenth of that, on a connection of its own.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// What one look asks for at most, oldest first: who has so many before them waits so long that the
/// resolution does not matter.
const LOOK_MAX: usize = 128;

/// What was accepted between two looks at most; no shop answers so fast.
pub const ACCEPTED_MAX: usize = 1_024;

/// The longest time that anything is awaited, from the instant at which it was due.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What was accepted, and is to be seen.
#[derive(Debug)]
pub struct Awaited {
    /// The instant at which it was due.
    pub due: Instant,
    /// Whether it is measured.
    pub counts: bool,
    /// How it is seen.
    pub sign: Sign,
}

/// How it is seen.
#[derive(Debug)]
pub enum Sign {
    /// The order is there.
    Order(String),
    /// The book costs this, or more.
    Price(String, i64),
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// From the instant at which it was due to the end of the look that saw it; [`PATIENCE`] for
    /// what was not seen by then.
    pub times: Vec<Duration>,
    /// How much was not seen in time.
    pub missed: u64,
}

/// Looks until nobody sends any more, and nothing is awaited. It blocks the thread.
///
/// # Errors
/// When a look fails.
pub fn watch(looks: &Looks, accepted: &Receiver<Awaited>) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut awaited = Vec::new();
    loop {
        if awaited.is_empty() {
            match accepted.recv() {
                Ok(one) => awaited.push(one),
                Err(RecvError) => return Ok(seen),
            }
        }
        while let Ok(one) = accepted.try_recv() {
            awaited.push(one);
        }
        let visible = look(looks, &awaited)?;
        seen.settle(&mut awaited, &visible, Instant::now());
        // sleep: it is the resolution
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// Which of the oldest can be seen.
fn look(looks: &Looks, awaited: &[Awaited]) -> Result<Vec<bool>> {
    let (mut orders, mut books) = (Vec::new(), Vec::new());
    let oldest = &awaited[..awaited.len().min(LOOK_MAX)];
    for one in oldest {
        match &one.sign {
            Sign::Order(id) => orders.push(id.as_str()),
            Sign::Price(book, _) => books.push(book.as_str()),
        }
    }
    let orders = match orders.as_slice() {
        [] => Vec::new(),
        ids => looks.orders(ids)?,
    };
    let prices = match books.as_slice() {
        [] => std::collections::HashMap::new(),
        ids => looks.prices(ids)?,
    };
    let is_visible = |one: &Awaited| match &one.sign {
        Sign::Order(id) => orders.contains(id),
        // It may have been changed again since; what is asked for only grows.
        Sign::Price(book, price) => prices.get(book) >= Some(price),
    };
    Ok(oldest.iter().map(is_visible).collect())
}

impl Seen {
    fn settle(&mut self, awaited: &mut Vec<Awaited>, visible: &[bool], now: Instant) {
        let mut visible = visible.iter().copied();
        awaited.retain(|one| {
            let waited = now.saturating_duration_since(one.due);
            let is_visible = visible.next().unwrap_or_default();
            let is_missed = !is_visible && waited >= PATIENCE;
            self.missed += u64::from(is_missed);
            if one.counts && (is_visible || is_missed) {
                self.times.push(waited.min(PATIENCE));
            }
            !is_visible && !is_missed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited(due: Instant) -> Awaited {
        Awaited {
            due,
            counts: true,
            sign: Sign::Order(String::new()),
        }
    }

    #[test]
    fn what_is_seen_or_missed_is_awaited_no_more() {
        let start = Instant::now();
        let later = start + Duration::from_secs(29);
        let mut all = vec![awaited(start), awaited(later), awaited(later)];
        let mut seen = Seen::default();
        let now = start + Duration::from_secs(31);
        seen.settle(&mut all, &[false, true], now);
        assert_eq!(seen.times, [PATIENCE, Duration::from_secs(2)]);
        assert_eq!((seen.missed, all.len()), (1, 1));
    }
}
