//! What there is to hear.

use std::collections::HashSet;

use protean_core::Lane;
use protean_core::port::broker::Published;

use crate::lanes;

/// The longest notification that PostgreSQL takes is 8,000 bytes; what does not fit rings for
/// everything.
const PAYLOAD_BYTES_MAX: usize = 7_000;

/// What is sent when any stream may have something new.
const EVERYTHING: &str = "*";

/// What subscriptions have to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Streams that have something new.
    pub(crate) published: HashSet<Published>,
    /// Whether any stream may have something new.
    pub(crate) everything: bool,
}

impl News {
    /// One stream has something new.
    pub(crate) fn of(published: Published) -> Self {
        Self {
            published: [published].into(),
            everything: false,
        }
    }

    /// Anything may be new.
    pub(crate) fn everything() -> Self {
        Self {
            everything: true,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.published.is_empty() && !self.everything
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
        };
        let backfill = Self {
            published: backfill,
            everything: false,
        };
        [primary, backfill]
    }

    /// Takes other news in.
    pub(crate) fn join(&mut self, other: Self) {
        self.published.extend(other.published);
        self.everything |= other.everything;
    }

    pub(super) fn encode(&self) -> String {
        if self.everything {
            return EVERYTHING.to_owned();
        }
        let line = |one: &Published| format!("{} {}", lanes::number(one.lane), one.stream);
        let text = self.published.iter().map(line).collect::<Vec<_>>();
        let text = text.join("\n");
        match text.len() > PAYLOAD_BYTES_MAX {
            true => EVERYTHING.to_owned(),
            false => text,
        }
    }

    /// What was sent; anything strange counts as everything.
    pub(super) fn decode(text: &str) -> Self {
        let line = |line: &str| {
            let (lane, stream) = line.split_once(' ')?;
            let lane = lane.parse().ok().and_then(lanes::of)?;
            Some(Published {
                stream: stream.into(),
                lane,
            })
        };
        let published = text.lines().map(line).collect::<Option<HashSet<_>>>();
        published.map_or_else(Self::everything, |published| Self {
            published,
            everything: false,
        })
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
            everything: false,
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
        let names: Vec<String> = (0..1_000).map(|nth| format!("shop::thing_{nth}")).collect();
        let many: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), Lane::Primary))
            .collect();
        assert_eq!(News::decode(&news(&many).encode()), News::everything());
    }
}
