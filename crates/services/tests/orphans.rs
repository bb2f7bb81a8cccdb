//! What is left of the servers of a process that is killed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use protean_services::{Postgres, Redis};

/// What tells this program, when it starts itself, that it is the process to be killed.
const ROLE: &str = "PROTEAN_SERVICES_TO_BE_KILLED";

/// What stands in front of what it tells.
const MARK: &str = "left behind: ";

/// How long a killed process may leave its servers behind, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn the_servers_of_a_killed_process_end_and_leave_nothing() {
    if std::env::var_os(ROLE).is_some() {
        start_servers_and_wait();
    }
    let mut process = start_process();
    let folders = told(&mut process);
    assert_eq!(folders.len(), 2, "{folders:?}");
    for folder in &folders {
        assert!(folder.exists(), "{folder:?}");
        assert!(is_used(folder), "{folder:?}");
    }
    process.kill().unwrap();
    assert_eq!(process.wait().unwrap().signal(), Some(9));
    let end = Instant::now() + LIMIT;
    while folders
        .iter()
        .any(|folder| folder.exists() || is_used(folder))
    {
        assert!(Instant::now() < end, "still there: {folders:?}");
        // sleep: the processes are of nobody's that could tell of their end
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the process that is killed does.
#[allow(clippy::print_stdout, reason = "its output is how it tells")]
fn start_servers_and_wait() -> ! {
    let postgres = Postgres::start().unwrap();
    let redis = Redis::start(Default::default()).unwrap();
    let data = postgres.query(&postgres.uri(), "SHOW data_directory");
    let data = PathBuf::from(data.unwrap());
    let dir = redis.command(&["CONFIG", "GET", "dir"]).unwrap();
    println!("\n{MARK}{}", data.parent().unwrap().display());
    println!("{MARK}{}", dir.lines().last().unwrap());
    loop {
        std::thread::park();
    }
}

fn start_process() -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("the_servers_of_a_killed_process_end_and_leave_nothing")
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The folders that the process tells of.
fn told(process: &mut Child) -> Vec<PathBuf> {
    let output = BufReader::new(process.stdout.take().unwrap());
    output
        .lines()
        .map(Result::unwrap)
        .filter_map(|line| line.strip_prefix(MARK).map(PathBuf::from))
        .take(2)
        .collect()
}

/// Whether any process works in a folder.
fn is_used(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut folders = processes.filter_map(|process| process.path().join("cwd").read_link().ok());
    folders.any(|cwd| cwd.starts_with(folder))
}
