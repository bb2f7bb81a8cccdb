//! The processes of the machine, and what they use.

use std::fs;
use std::time::Duration;

/// The fields of `/proc/ID/stat` that follow the name, by their numbers from 0: the parent, the
/// group, and the time of the process and of its children that have ended, in the system and outside
/// it.
const PARENT: usize = 1;
const GROUP: usize = 2;
const TIMES: std::ops::Range<usize> = 11..15;

/// All processes there are.
pub fn ids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The group that a process is of; none when there is no such process.
#[must_use]
pub fn group(id: u32) -> Option<u64> {
    fields(id)?.get(GROUP).copied()
}

/// What a process and its children have used of the processors, those that have ended among them;
/// nothing when there is no such process.
#[must_use]
pub fn used(id: u32) -> Duration {
    let living = ids().filter_map(|child| {
        let fields = fields(child)?;
        (fields.get(PARENT) == Some(&u64::from(id))).then(|| ticks(&fields))
    });
    let own = fields(id).map_or(0, |fields| ticks(&fields));
    let ticks: u64 = own + living.sum::<u64>();
    let per_second = rustix::param::clock_ticks_per_second();
    Duration::from_micros(ticks * 1_000_000 / per_second.max(1))
}

/// The numbers after the name, which may have any characters; 0 for what is none, as the state.
fn fields(id: u32) -> Option<Vec<u64>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    let number = |word: &str| word.parse().unwrap_or_default();
    Some(after.split_whitespace().map(number).collect())
}

fn ticks(fields: &[u64]) -> u64 {
    fields.get(TIMES).into_iter().flatten().sum()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_a_process_and_its_children_use_counts() {
        let before = used(id());
        let began = Instant::now();
        while used(id()) < before + Duration::from_millis(50) {
            assert!(began.elapsed() < Duration::from_secs(60), "it never counts");
        }
        let before = used(id());
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(
            Command::new("sh")
                .args(["-c", busy])
                .status()
                .unwrap()
                .success()
        );
        assert!(used(id()) > before);
        assert_eq!(used(u32::MAX), Duration::ZERO);
    }
}
