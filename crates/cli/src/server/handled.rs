//! What a server did in its life.

use std::ops::AddAssign;

use protean_server::Summary;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::output::Report;

/// What an engine did, or several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handled {
    /// Messages settled on the primary lane.
    pub(super) primary: u64,
    /// Messages settled on the backfill lane.
    pub(super) backfill: u64,
    /// Whether work was still in progress when the time to drain was over; it will be done again.
    pub(super) interrupted: bool,
}

impl From<Summary> for Handled {
    fn from(summary: Summary) -> Self {
        let Summary {
            primary,
            backfill,
            interrupted,
        } = summary;
        Self {
            primary,
            backfill,
            interrupted,
        }
    }
}

impl AddAssign for Handled {
    fn add_assign(&mut self, other: Self) {
        self.primary += other.primary;
        self.backfill += other.backfill;
        self.interrupted |= other.interrupted;
    }
}

impl Handled {
    /// What the command prints at its end.
    pub(super) fn report(self) -> Report {
        let Self {
            primary,
            backfill,
            interrupted,
        } = self;
        let tail = if interrupted {
            "; what was not finished in time will be done again"
        } else {
            ""
        };
        Report {
            text: format!(
                "Engine stopped. Handled {} messages on primary, {} on backfill{tail}.\n",
                crate::grouped(primary),
                crate::grouped(backfill)
            ),
            data: json!({"primary": primary, "backfill": backfill, "interrupted": interrupted}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_did_is_summed() {
        let mut all = Handled::default();
        for interrupted in [false, true, false] {
            all += Handled {
                primary: 700,
                backfill: 2,
                interrupted,
            };
        }
        assert_eq!(
            all.report().text,
            "Engine stopped. Handled 2,100 messages on primary, 6 on backfill; what was not \
             finished in time will be done again.\n"
        );
    }
}
