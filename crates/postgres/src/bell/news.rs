//! What there is to hear.

use std::collections::HashSet;

use protean_core::Lane;
use protean_core::governor::Judgement;
use protean_core::port::broker::{Awaited, Published, Subscription};
use protean_core::port::store::Position;

use crate::lanes;

/// The longest notification that PostgreSQL takes is 8,000 bytes; what does not fit rings for
/// everything.
const PAYLOAD_BYTES_MAX: usize = 7_000;

/// What is sent when any stream may have something new.
const EVERYTHING: &str = "*";

/// What a line says that tells how primary work was judged, before the numbers.
const JUDGED: &str = "judged";

/// What a line says that tells of backfill work that publishes nothing, and of such work of a
/// process that runs handlers.
const BACKFILL: &str = "backfill";
const HANDLED: &str = "backfill handled";

/// News that other processes are told together: those of one never wait for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// What production waits for.
    Awaited,
    /// What is carried, of which it is enough to hear soon.
    Carried,
    /// Backfill.
    Backfill,
}

impl Round {
    pub(super) const ALL: [Self; 3] = [Self::Awaited, Self::Carried, Self::Backfill];

    /// The lane by whose connections they are told.
    pub(super) const fn lane(self) -> Lane {
        match self {
            Self::Awaited | Self::Carried => Lane::Primary,
            Self::Backfill => Lane::Backfill,
        }
    }
}

/// What subscriptions have to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Streams that have something new.
    pub(crate) published: HashSet<Published>,
    /// Streams that have something new, which whoever committed it carries to the broker.
    pub(crate) carried: HashSet<Published>,
    /// Whether any stream may have something new.
    pub(crate) everything: bool,
    /// How primary work of the process that tells was judged.
    pub(crate) judged: Judgement,
    /// Whether backfill work is about that published nothing.
    pub(crate) backfill: bool,
    /// Whether the process that tells runs handlers of backfill.
    pub(crate) handled: bool,
    /// What somebody waits for, whoever has it.
    pub(crate) awaited: HashSet<Awaited>,
}

/// The most that is told to be awaited at once; more is told at the next look.
const AWAITED_MAX: usize = 32;

/// What the line of something that is awaited begins with.
const AWAITED_MARK: char = '!';

/// What the line of a stream begins with of which something is carried.
const CARRIED_MARK: char = '>';

/// The same of which what is new is settled in some subscriptions, which follow.
const SETTLED_MARK: char = '<';

impl News {
    /// One stream has something new.
    pub(crate) fn of(published: Published) -> Self {
        Self {
            published: [published].into(),
            ..Self::default()
        }
    }

    /// The same news, of what is carried.
    pub(crate) fn carried(mut self) -> Self {
        self.carried.extend(self.published.drain());
        self
    }

    /// Somebody waits for these. A key of several lines cannot be told.
    pub(crate) fn of_awaited(awaited: impl IntoIterator<Item = Awaited>) -> Self {
        let can_be_told = |one: &Awaited| !one.key.contains('\n');
        let awaited = awaited.into_iter().filter(can_be_told);
        Self {
            awaited: awaited.take(AWAITED_MAX).collect(),
            ..Self::default()
        }
    }

    /// Anything may be new.
    pub(crate) fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    /// Backfill work is about, which may be that of handlers.
    pub(crate) fn backfill(handled: bool) -> Self {
        Self {
            backfill: true,
            handled,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.is_of_streams() && self.judged.is_empty() && !self.backfill
    }

    /// Whether there is anything for subscriptions in it.
    pub(crate) fn is_of_streams(&self) -> bool {
        let published = !self.published.is_empty() || !self.carried.is_empty();
        published || self.everything || !self.awaited.is_empty()
    }

    /// Whether work of the lane is about.
    pub(crate) fn tells_of(&self, lane: Lane) -> bool {
        let published = self.all_published().any(|one| one.lane == lane);
        published || lane == Lane::Backfill && self.backfill
    }

    /// The streams that have something new, whoever publishes it.
    fn all_published(&self) -> impl Iterator<Item = &Published> {
        self.published.iter().chain(&self.carried)
    }

    /// Whether it is of messages that production waits for, and of nothing else.
    pub(crate) fn fits_a_letter(&self) -> bool {
        let is_primary = self.published.iter().all(|one| one.lane == Lane::Primary);
        let urgent = self.everything || !self.awaited.is_empty();
        let others = urgent || self.backfill || !self.carried.is_empty();
        is_primary && !self.published.is_empty() && !others
    }

    /// What others are told together, by [`Round`].
    pub(super) fn split(self) -> [Self; 3] {
        let (primary, backfill) = self
            .published
            .into_iter()
            .partition(|one| one.lane == Lane::Primary);
        let awaited = Self {
            published: primary,
            everything: self.everything,
            judged: self.judged,
            awaited: self.awaited,
            ..Self::default()
        };
        let carried = Self {
            carried: self.carried,
            ..Self::default()
        };
        let backfill = Self {
            published: backfill,
            backfill: self.backfill,
            handled: self.handled,
            ..Self::default()
        };
        [awaited, carried, backfill]
    }

    /// Takes other news in.
    pub(crate) fn join(&mut self, other: Self) {
        self.published.extend(other.published);
        self.carried.extend(other.carried);
        self.everything |= other.everything;
        self.judged = self.judged.and(other.judged);
        self.backfill |= other.backfill;
        self.handled |= other.handled;
        self.awaited.extend(other.awaited);
    }

    pub(super) fn encode(&self) -> String {
        let mut lines = Vec::with_capacity(self.published.len() + 2);
        if !self.judged.is_empty() {
            let Judgement { in_time, late } = self.judged;
            lines.push(format!("{JUDGED} {in_time} {late}"));
        }
        if self.backfill {
            lines.push(if self.handled { HANDLED } else { BACKFILL }.to_owned());
        }
        if self.everything {
            lines.push(EVERYTHING.to_owned());
            return lines.join("\n");
        }
        let carried = |one: &Published| format!("{CARRIED_MARK}{}", place(one));
        lines.extend(self.published.iter().map(published_line));
        lines.extend(self.carried.iter().map(carried));
        lines.extend(self.awaited.iter().map(awaited_line));
        let text = lines.join("\n");
        match text.len() > PAYLOAD_BYTES_MAX {
            true => EVERYTHING.to_owned(),
            false => text,
        }
    }

    /// What was sent; anything strange counts as everything.
    pub(super) fn decode(text: &str) -> Self {
        let mut news = Self::default();
        for line in text.lines() {
            match news.read(line) {
                Some(()) => {}
                None => news.everything = true,
            }
        }
        if news.everything {
            news.published.clear();
            news.carried.clear();
        }
        news
    }

    /// Takes a line in; `None` when it makes no sense, as that of everything does.
    fn read(&mut self, line: &str) -> Option<()> {
        if line == BACKFILL || line == HANDLED {
            self.backfill = true;
            self.handled |= line == HANDLED;
            return Some(());
        }
        if let Some(awaited) = line.strip_prefix(AWAITED_MARK) {
            self.awaited.extend(read_awaited(awaited));
            return Some(());
        }
        if let Some(carried) = line.strip_prefix(CARRIED_MARK) {
            self.carried.insert(read_published(carried)?);
            return Some(());
        }
        if let Some(settled) = line.strip_prefix(SETTLED_MARK) {
            let mut parts = settled.split('\t');
            let mut published = read_published(parts.next()?)?;
            published.settled_in = parts.map(Into::into).collect();
            self.published.insert(published);
            return Some(());
        }
        if let Some(judged) = line.strip_prefix(JUDGED) {
            let (in_time, late) = judged.trim_start().split_once(' ')?;
            self.judged = Judgement {
                in_time: in_time.parse().ok()?,
                late: late.parse().ok()?,
            };
            return Some(());
        }
        self.published.insert(read_published(line)?);
        Some(())
    }
}

/// The lane and the stream.
fn place(one: &Published) -> String {
    format!("{} {}", lanes::number(one.lane), one.stream)
}

fn published_line(one: &Published) -> String {
    match &*one.settled_in {
        [] => place(one),
        settled => format!("{SETTLED_MARK}{}\t{}", place(one), settled.join("\t")),
    }
}

fn read_published(line: &str) -> Option<Published> {
    let (lane, stream) = line.split_once(' ')?;
    let lane = lane.parse().ok().and_then(lanes::of)?;
    Some(Published::new(stream.into(), lane))
}

fn awaited_line(one: &Awaited) -> String {
    let (before, name) = (one.before.0, &one.subscription.name);
    let (stream, key) = (&one.subscription.stream, &one.key);
    format!("{AWAITED_MARK}{before}\t{name}\t{stream}\t{key}")
}

fn read_awaited(line: &str) -> Option<Awaited> {
    let mut parts = line.splitn(4, '\t');
    let before = parts.next()?.parse().ok()?;
    let (name, stream) = (parts.next()?, parts.next()?);
    Some(Awaited {
        subscription: Subscription::new(name, stream),
        key: parts.next()?.to_owned(),
        before: Position(before),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(streams: &[(&str, Lane)]) -> News {
        let published = streams
            .iter()
            .map(|(stream, lane)| Published::new((*stream).into(), *lane));
        News {
            published: published.collect(),
            ..News::default()
        }
    }

    #[test]
    fn news_survive_the_wire_and_strange_texts_mean_everything() {
        let mut some = news(&[
            ("shop::book:command", Lane::Backfill),
            ("shop::book", Lane::Primary),
        ]);
        some.join(News::of_awaited(["k 1\t2", "two\nlines"].map(|key| {
            Awaited {
                subscription: Subscription::new("Handler", "shop::book"),
                key: key.to_owned(),
                before: Position(7),
            }
        })));
        some.join(news(&[("shop::order:command", Lane::Primary)]).carried());
        some.join(News::of(Published {
            settled_in: vec!["Ledger".into(), "Shelf".into()],
            ..Published::new("shop::book".into(), Lane::Primary)
        }));
        assert_eq!((some.awaited.len(), some.carried.len()), (1, 1));
        assert_eq!(News::decode(&some.encode()), some);
        for text in ["*", "7 shop", "shop"] {
            assert_eq!(News::decode(text), News::everything());
        }
        let more = News {
            judged: Judgement {
                in_time: 12,
                late: 1,
            },
            ..News::backfill(true)
        };
        assert_eq!(News::decode(&more.encode()), more);
        let [primary, _, backfill] = more.clone().split();
        assert_eq!((primary.judged, backfill.backfill), (more.judged, true));
        assert!(!more.is_of_streams() && News::decode("judged many").everything);
        let names: Vec<String> = (0..1_000).map(|nth| format!("shop::thing_{nth}")).collect();
        let many: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), Lane::Primary))
            .collect();
        assert_eq!(News::decode(&news(&many).encode()), News::everything());
    }
}
