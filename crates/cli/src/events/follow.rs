//! `events read --follow`: the messages of a stream as they are published.
//!
//! Positions are given before a commit and seen after it, so one may appear behind another that is
//! greater. Each look therefore begins a little before the end of the last one, and leaves out what
//! was shown.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use protean_core::App;
use protean_core::Lane;
use protean_core::domain::Domain;
use protean_core::naming::split_entity;
use protean_core::port::broker::{Listener, Wake};
use protean_core::port::log::{Entry, Log, Search};
use protean_core::port::{self, store::Position};

use super::arguments::Read;
use super::show;
use crate::output::{self, Format, Report};
use crate::{Error, signals};

/// Messages that are read at once.
const PAGE: usize = 500;

/// How long after a message one with a smaller position may appear: far longer than commits take.
const SETTLING: Duration = Duration::from_secs(1);

/// The most messages that are kept in mind for that, whatever is published in that time.
const RECENT_MAX: usize = 10_000;

/// Between two looks, so that an import is followed in pages and not in single messages.
const PAUSE: Duration = Duration::from_millis(50);

/// How long no look is taken while no bell rings: what is handled inline rings none.
const BACKSTOP: Duration = Duration::from_secs(1);

/// Shows what is published until interrupted, until nobody reads it any more, or until there were
/// as many as were asked for; what is printed at the end is nothing.
///
/// # Errors
/// When the store does not answer, or a message cannot be printed.
pub(super) async fn follow<D: Domain>(app: &App<D>, asked: &Read) -> Result<Report, Error> {
    let mut stop = std::pin::pin!(signals::stop_requested()?);
    let log = &*app.tier().log;
    let mut listener = log.listen().await?;
    let mut follower = Follower::start(log, asked).await?;
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            shown = follower.look(log) => if !shown? {
                break;
            },
        }
        tokio::select! {
            () = &mut stop => break,
            () = something_new(&mut *listener, follower.stream()) => {}
        }
    }
    Ok(Report {
        text: String::new(),
        ..show::entries(&asked.stream, &[])
    })
}

/// Waits until a stream may have something new.
async fn something_new(listener: &mut dyn Listener, stream: &str) {
    // sleep: a page at a time
    tokio::time::sleep(PAUSE).await;
    let rung = async {
        loop {
            match listener.wake().await {
                Wake::Anything => return,
                Wake::Published(all) if all.iter().any(|one| *one.stream == *stream) => return,
                Wake::Published(_) | Wake::Awaited(_) => {}
            }
        }
    };
    // What rings no bell is seen a little later.
    let _ = tokio::time::timeout(BACKSTOP, rung).await;
}

/// How far a stream has been shown.
struct Follower<'a> {
    asked: &'a Read,
    lane: Option<Lane>,
    recent: Recent,
    left: usize,
}

impl<'a> Follower<'a> {
    async fn start(log: &dyn Log, asked: &'a Read) -> Result<Self, port::Error> {
        let from = match asked.from {
            Some(from) => Position(from),
            None => end(log, &asked.stream).await?,
        };
        Ok(Self {
            asked,
            lane: asked.lane.map(Into::into),
            recent: Recent::from(from),
            left: asked.limit.unwrap_or(usize::MAX),
        })
    }

    /// The stream that rings.
    fn stream(&self) -> &'a str {
        let stream = &*self.asked.stream;
        split_entity(stream).map_or(stream, |(stream, _)| stream)
    }

    /// Shows what is new; whether there is to be more.
    async fn look(&mut self, log: &dyn Log) -> Result<bool, Error> {
        let mut from = self.recent.from;
        while self.left > 0 {
            let page = log.read(&self.asked.stream, self.lane, from, PAGE).await?;
            for entry in &page {
                if self.recent.is_new(entry.position) && !self.show(entry)? {
                    return Ok(false);
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => from = Position(last.position.0 + 1),
                _ => break,
            }
        }
        self.recent.looked(Instant::now());
        Ok(self.left > 0)
    }

    /// Shows a message; whether there is to be another one.
    fn show(&mut self, entry: &Entry) -> io::Result<bool> {
        let Report { text, data } = show::line(&self.asked.stream, entry);
        let is_read = output::show(&match self.asked.common.format() {
            Format::Text => text,
            Format::Json => output::envelope_line(&data),
        })?;
        self.left -= 1;
        Ok(is_read && self.left > 0)
    }
}

/// The position behind the newest message of a stream.
async fn end(log: &dyn Log, stream: &str) -> Result<Position, port::Error> {
    let entity = split_entity(stream);
    let search = Search {
        stream: Some(entity.map_or(stream, |(stream, _)| stream).to_owned()),
        key: entity.map(|(_, key)| key.to_owned()),
        ..Search::default()
    };
    let newest = log.search(&search, 1).await?;
    let next = |entry: &Entry| Position(entry.position.0 + 1);
    Ok(newest.last().map_or(Position(0), next))
}

/// What was shown lately.
#[derive(Debug)]
struct Recent {
    /// Where the next look begins.
    from: Position,
    shown: BTreeSet<u64>,
    /// Up to where messages were shown, and when.
    looks: VecDeque<(Instant, u64)>,
}

impl Recent {
    const fn from(from: Position) -> Self {
        Self {
            from,
            shown: BTreeSet::new(),
            looks: VecDeque::new(),
        }
    }

    /// Whether this was not shown yet; it is from now on.
    fn is_new(&mut self, position: Position) -> bool {
        self.shown.insert(position.0)
    }

    /// A look was taken: what was shown long ago need not be looked at any more.
    fn looked(&mut self, now: Instant) {
        let upto = self.shown.last().map_or(self.from.0, |last| last + 1);
        if self.looks.back().is_none_or(|(_, known)| *known < upto) {
            self.looks.push_back((now, upto));
        }
        while let Some((at, upto)) = self.looks.front().copied()
            && (now.duration_since(at) >= SETTLING || self.shown.len() > RECENT_MAX)
        {
            self.looks.pop_front();
            self.from = self.from.max(Position(upto));
            self.shown = self.shown.split_off(&self.from.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_appears_late_is_new_and_none_is_shown_twice() {
        let mut recent = Recent::from(Position(10));
        let begun = Instant::now();
        let look = |recent: &mut Recent, after: Duration, positions: &[u64]| {
            let all = positions.iter().filter(|it| **it >= recent.from.0);
            let all: Vec<u64> = all.copied().collect();
            let new = all.into_iter().filter(|it| recent.is_new(Position(*it)));
            let new: Vec<u64> = new.collect();
            recent.looked(begun + after);
            new
        };
        assert_eq!(look(&mut recent, Duration::ZERO, &[10, 12]), [10, 12]);
        assert_eq!(look(&mut recent, SETTLING / 2, &[10, 11, 12]), [11]);
        assert_eq!(look(&mut recent, SETTLING, &[10, 11, 12, 13]), [13]);
        assert_eq!(recent.from, Position(13), "what is settled is let go");
        assert_eq!(look(&mut recent, 3 * SETTLING, &[12, 13]), [0; 0]);
        assert_eq!(recent.from, Position(14));
    }

    #[test]
    fn what_is_kept_in_mind_has_a_bound() {
        let mut recent = Recent::from(Position(0));
        let now = Instant::now();
        for nth in 0..3 * RECENT_MAX as u64 {
            assert!(recent.is_new(Position(nth)));
            if nth.is_multiple_of(PAGE as u64) {
                recent.looked(now);
            }
        }
        recent.looked(now);
        assert!(recent.shown.len() <= RECENT_MAX);
    }
}
