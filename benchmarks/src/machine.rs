//! What the machine is like that measures.

use std::fs;
use std::thread::available_parallelism;

/// Settings of Linux on which what is measured depends.
const SETTINGS: [&str; 4] = [
    "kernel.sched_autogroup_enabled",
    "vm.dirty_background_bytes",
    "vm.dirty_writeback_centisecs",
    "vm.dirty_expire_centisecs",
];

/// The machine in one line: its processors, and those of the settings that there are.
#[must_use]
pub fn line() -> String {
    let processors = available_parallelism().map_or(0, usize::from);
    let settings = SETTINGS.iter().filter_map(|name| {
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        let value = fs::read_to_string(file).ok()?;
        Some(format!(", {name} = {}", value.trim()))
    });
    format!("{processors} processors{}", settings.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_told_by_its_processors_and_settings() {
        let line = line();
        let (processors, _) = line.split_once(" processors").unwrap();
        assert!(processors.parse::<usize>().unwrap() > 0, "{line}");
        #[cfg(target_os = "linux")]
        assert!(line.contains(", vm.dirty_expire_centisecs = "), "{line}");
    }
}
