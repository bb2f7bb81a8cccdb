//! How much memory the programs of a peer had in use.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bookshelf::demo::process::peak_memory_bytes;
use protean_benchmarks::processes;
use rustix::process::Pid;

/// Between two looks at all processes, each of which costs some milliseconds.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The most that each process had in use: pages that two of them share count twice.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    peaks: HashMap<u32, u64>,
    looked: Option<Instant>,
}

impl Memory {
    /// Looks at the processes of some groups, unless it just did.
    pub(crate) fn look(&mut self, groups: &[Pid]) {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK_INTERVAL) {
            return;
        }
        self.looked = Some(Instant::now());
        for id in processes::ids() {
            if is_of(id, groups)
                && let Some(bytes) = peak_memory_bytes(id)
            {
                let most = self.peaks.entry(id).or_default();
                *most = bytes.max(*most);
            }
        }
    }

    /// The sum over all processes there ever were.
    pub(crate) fn bytes(&self) -> u64 {
        self.peaks.values().sum()
    }
}

/// Whether a process is of one of the groups.
fn is_of(id: u32, groups: &[Pid]) -> bool {
    let group = processes::group(id).and_then(|group| i32::try_from(group).ok());
    groups
        .iter()
        .any(|one| Some(one.as_raw_nonzero().get()) == group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_other_groups_do_not_count() {
        let own = rustix::process::getpgrp();
        let mut memory = Memory::default();
        memory.look(&[own]);
        assert!(memory.bytes() > 1_000_000, "{}", memory.bytes());
        let mut none = Memory::default();
        none.look(&[]);
        assert_eq!(none.bytes(), 0);
    }
}
