//! The conformance suite of every port, on a file.

use protean_core::port::Tier;
use protean_sqlite::{Options, Sqlite};
use protean_testing::Fixture;
use tempfile::TempDir;

struct File(TempDir);

impl File {
    #[allow(clippy::unwrap_used, reason = "a test may panic")]
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Fixture for File {
    #[allow(clippy::unwrap_used, reason = "a test may panic")]
    async fn open(&self) -> Tier {
        let path = self.0.path().join("suite.db");
        Sqlite::open(path, Options::default()).unwrap().tier()
    }
}

protean_testing::suite!(File::new());

mod told {
    use super::*;

    protean_testing::cases!(File::new(), along: what_went_along_is_news_to_others_alone,);
}
