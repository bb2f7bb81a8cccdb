//! A lane, as it is typed.

use clap::ValueEnum;
use protean_core::Lane;

/// A lane, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LaneName {
    /// Production traffic
    Primary,
    /// Bulk work
    Backfill,
}

impl From<LaneName> for Lane {
    fn from(name: LaneName) -> Self {
        match name {
            LaneName::Primary => Self::Primary,
            LaneName::Backfill => Self::Backfill,
        }
    }
}
