//! A server of several processes: a supervisor and its workers.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::json;

use crate::program::Program;
use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};

on_every_tier!(
    workers_that_are_killed_are_replaced_and_every_book_is_there_once,
    what_all_workers_did_is_one_report_however_often_they_are_asked_to_stop,
);

const ROWS: u64 = 2_000;
const WORKERS: usize = 2;

/// A server of two workers, which runs.
fn server(shop: &Shop) -> Program {
    let mut server = shop.start("bookshelf server --workers 2");
    assert!(server.until("  ").starts_with("  BookCommandHandler -> "));
    server.until("Engine running");
    server
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

/// The processes that a process has started, and that still run.
fn children(parent: u32) -> BTreeSet<u32> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    threads
        .map(|thread| thread.unwrap().path().join("children"))
        // A thread may end while this looks.
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|line| {
            line.split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect::<Vec<u32>>()
        })
        .filter(|child| runs(*child))
        .collect()
}

/// Whether a process is there, and not only its exit status.
fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    // The state follows the name, which is in parentheses.
    stat.is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('Z'))
    })
}

/// Kills a worker as a power cut would, and waits until another has its place.
fn replace(server: &Program, worker: u32) {
    kill_process(pid(worker), Signal::KILL).unwrap();
    wait_until("another worker", || {
        let now = children(server.child.id());
        now.len() == WORKERS && !now.contains(&worker)
    });
}

fn workers_that_are_killed_are_replaced_and_every_book_is_there_once(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(ROWS);
    shop.succeed("import_vintage_press catalog.csv");
    let server = server(&shop);
    let workers = children(server.child.id());
    assert_eq!(workers.len(), WORKERS);
    // One of them has the books in hand, so that both kills matter.
    for worker in workers {
        replace(&server, worker);
    }
    shop.settled();
    shop.assert_books_exactly_once(ROWS);

    let workers = children(server.child.id());
    assert_eq!(server.stop(Signal::TERM), 0);
    assert!(
        !workers.into_iter().any(runs),
        "a worker outlived the server"
    );
}

fn what_all_workers_did_is_one_report_however_often_they_are_asked_to_stop(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(ROWS);
    shop.succeed("import_vintage_press catalog.csv");
    let mut server = shop.start("bookshelf server --workers=2 --json");
    shop.settled();
    // A service manager asks each process of a service.
    let workers = children(server.child.id());
    assert_eq!(workers.len(), WORKERS);
    kill_process(pid(server.child.id()), Signal::TERM).unwrap();
    for worker in workers {
        // One that has ended in the meantime is gone.
        let _ = kill_process(pid(worker), Signal::TERM);
    }
    let lines = server.rest();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let report: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    // A command and an event for each book.
    assert_eq!(
        report["data"],
        json!({"primary": 0, "backfill": 2 * ROWS, "interrupted": false})
    );
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn only_the_supervisor_hears_the_terminal() {
    let shop = Shop::new();
    let mut server = shop
        .command("bookshelf server --workers 2")
        .process_group(0)
        .spawn()
        .unwrap();
    let workers = || children(server.id());
    wait_until("the workers", || workers().len() == WORKERS);
    let started = workers();
    // Ctrl+C.
    kill_process_group(pid(server.id()), Signal::INT).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    let mut printed = String::new();
    let mut out = server.stdout.take().unwrap();
    out.read_to_string(&mut printed).unwrap();
    assert!(
        printed.ends_with("Engine stopped. Handled 0 messages on primary, 0 on backfill.\n"),
        "{printed}"
    );
    assert!(!started.into_iter().any(runs));
}

#[test]
fn workers_end_when_their_supervisor_is_killed() {
    let shop = Shop::new();
    let server = server(&shop);
    let workers = children(server.child.id());
    assert_eq!(workers.len(), WORKERS);
    server.kill();
    wait_until("the end of the workers", || {
        !workers.iter().any(|worker| runs(*worker))
    });
}

#[test]
fn a_second_request_ends_workers_that_are_stuck() {
    let shop = Shop::new();
    let server = server(&shop);
    let workers = children(server.child.id());
    for worker in &workers {
        kill_process(pid(*worker), Signal::STOP).unwrap();
    }
    kill_process(pid(server.child.id()), Signal::INT).unwrap();
    assert_eq!(server.stop(Signal::TERM), 130);
    assert!(
        !workers.into_iter().any(runs),
        "a worker outlived the server"
    );
}

#[test]
fn a_number_of_workers_that_makes_no_sense_starts_nothing() {
    let shop = Shop::new();
    for workers in ["0", "65", "two"] {
        let output = shop.run(&format!("bookshelf server --workers {workers}"));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("'--workers <N>'"), "{told}");
    }
    assert!(!shop.path().join("bookshelf.db").exists());
}
