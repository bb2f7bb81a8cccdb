//! What the machine is like for two kinds of work.

use std::fs;

/// Whether Linux shares processors between sessions first, and looks at priorities within each
/// alone; the file is missing where there is no such thing.
const GROUPS_BY_SESSION: &str = "/proc/sys/kernel/sched_autogroup_enabled";

/// What there is to say of its processors.
pub(super) fn processors() -> &'static str {
    advice(fs::read_to_string(GROUPS_BY_SESSION).ok().as_deref())
}

fn advice(groups_by_session: Option<&str>) -> &'static str {
    match groups_by_session.map(str::trim) {
        Some("1") => {
            "shared by session before priority, so that backfill stands back late; \
             `sysctl -w kernel.sched_autogroup_enabled=0` lets it do so at once"
        }
        _ => "ok",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_groups_by_session_is_told_of() {
        for setting in [None, Some("0\n")] {
            assert_eq!(advice(setting), "ok");
        }
        assert!(advice(Some("1\n")).contains("kernel.sched_autogroup_enabled=0"));
    }
}
