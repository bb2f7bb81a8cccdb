//! What there is to hear.

use std::collections::HashSet;

use protean_core::Lane;
use protean_core::governor::Judgement;
use protean_core::port::broker::Published;

use crate::lanes;

/// The longest notification that PostgreSQL takes is 8,000 bytes; what does not fit rings for
/// everything.
const PAYLOAD_BYTES_MAX: usize = 7_000;

/// What is sent when any stream may have something new.
const EVERYTHING: &str = "*";

/// What a line says that tells how primary work was judged, before the numbers.
const JUDGED: &str = "judged";

/// What a line says that tells of backfill work that publishes nothing.
const BACKFILL: &str = "backfill";

/// What subscriptions have to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Streams that have something new.
    pub(crate) published: HashSet<Published>,
    /// Whether any stream may have something new.
    pub(crate) everything: bool,
    /// How primary work of the process that tells was judged.
    pub(crate) judged: Judgement,
    /// Whether backfill work is about that published nothing.
    pub(crate) backfill: bool,
}

impl News {
    /// One stream has something new.
    pub(crate) fn of(published: Published) -> Self {
        Self {
            published: [published].into(),
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

    /// Backfill work is about.
    pub(crate) fn backfill() -> Self {
        Self {
            backfill: true,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.is_of_streams() && self.judged.is_empty() && !self.backfill
    }

    /// Whether there is anything for subscriptions in it.
    pub(crate) fn is_of_streams(&self) -> bool {
        !self.published.is_empty() || self.everything
    }

    /// Whether work of the lane is about.
    pub(crate) fn tells_of(&self, lane: Lane) -> bool {
        let published = self.published.iter().any(|one| one.lane == lane);
        published || lane == Lane::Backfill && self.backfill
    }

    /// What production waits for, and the rest.
    pub(crate) fn split(self) -> [Self; 2] {
        let (primary, backfill) = self
            .published
            .into_iter()
            .partition(|one| one.lane == Lane::Primary);
        let primary = Self {
            published: primary,
            everything: self.everything,
            judged: self.judged,
            backfill: false,
        };
        let backfill = Self {
            published: backfill,
            backfill: self.backfill,
            ..Self::default()
        };
        [primary, backfill]
    }

    /// Takes other news in.
    pub(crate) fn join(&mut self, other: Self) {
        self.published.extend(other.published);
        self.everything |= other.everything;
        self.judged = self.judged.and(other.judged);
        self.backfill |= other.backfill;
    }

    pub(super) fn encode(&self) -> String {
        let mut lines = Vec::with_capacity(self.published.len() + 2);
        if !self.judged.is_empty() {
            let Judgement { in_time, late } = self.judged;
            lines.push(format!("{JUDGED} {in_time} {late}"));
        }
        if self.backfill {
            lines.push(BACKFILL.to_owned());
        }
        if self.everything {
            lines.push(EVERYTHING.to_owned());
            return lines.join("\n");
        }
        let line = |one: &Published| format!("{} {}", lanes::number(one.lane), one.stream);
        lines.extend(self.published.iter().map(line));
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
        }
        news
    }

    /// Takes a line in; `None` when it makes no sense, as that of everything does.
    fn read(&mut self, line: &str) -> Option<()> {
        if line == BACKFILL {
            self.backfill = true;
            return Some(());
        }
        let (first, rest) = line.split_once(' ')?;
        if first == JUDGED {
            let (in_time, late) = rest.split_once(' ')?;
            self.judged = Judgement {
                in_time: in_time.parse().ok()?,
                late: late.parse().ok()?,
            };
            return Some(());
        }
        let lane = first.parse().ok().and_then(lanes::of)?;
        self.published.insert(Published {
            stream: rest.into(),
            lane,
        });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(streams: &[(&str, Lane)]) -> News {
        let published = streams.iter().map(|(stream, lane)| Published {
            stream: (*stream).into(),
            lane: *lane,
        });
        News {
            published: published.collect(),
            ..News::default()
        }
    }

    #[test]
    fn news_survive_the_wire_and_strange_texts_mean_everything() {
        let some = news(&[
            ("shop::book:command", Lane::Backfill),
            ("shop::book", Lane::Primary),
        ]);
        assert_eq!(News::decode(&some.encode()), some);
        for text in ["*", "7 shop", "shop"] {
            assert_eq!(News::decode(text), News::everything());
        }
        let more = News {
            judged: Judgement {
                in_time: 12,
                late: 1,
            },
            ..News::backfill()
        };
        assert_eq!(News::decode(&more.encode()), more);
        let [primary, backfill] = more.clone().split();
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
