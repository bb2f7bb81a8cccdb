//! The names of streams and of what is kept beside them.

use protean_core::Lane;

/// How keys are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) suffix: String,
    /// On a cluster the stream is the hash tag, so that all that belongs to it is on one node.
    pub(crate) cluster: bool,
}

impl Keys {
    /// The key of a lane of a stream: `bookshelf::book`, `bookshelf::book:backfill`.
    pub(crate) fn stream(&self, stream: &str, lane: Lane) -> String {
        let base = match self.cluster {
            true => format!("{{{stream}}}"),
            false => stream.to_owned(),
        };
        match lane {
            Lane::Primary => base,
            Lane::Backfill => format!("{base}:{}", self.suffix),
        }
    }

    /// The stream of what was given up on a lane: `bookshelf::book:dlq`.
    pub(crate) fn dead_letters(&self, stream: &str, lane: Lane) -> String {
        format!("{}:dlq", self.stream(stream, lane))
    }

    /// The hash in which a lane's relay keeps how far it is: up to which number each queue is
    /// published, and up to which each group is fed from PostgreSQL.
    pub(crate) fn relay(&self, stream: &str, lane: Lane) -> String {
        format!("{}:relay", self.stream(stream, lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_contract() {
        let mut keys = Keys {
            suffix: "backfill".to_owned(),
            cluster: false,
        };
        let named = |keys: &Keys| Lane::ALL.map(|lane| keys.stream("bookshelf::book", lane));
        assert_eq!(
            named(&keys),
            ["bookshelf::book", "bookshelf::book:backfill"]
        );
        keys.cluster = true;
        assert_eq!(
            named(&keys),
            ["{bookshelf::book}", "{bookshelf::book}:backfill"]
        );
    }
}
