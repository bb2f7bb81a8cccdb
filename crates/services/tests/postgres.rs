//! A PostgreSQL server, from its start to its end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::TcpStream;

use protean_services::postgres::{Fsync, Options};
use protean_services::{Error, Postgres};

fn unsynced(settings: &[(&str, &str)]) -> Options {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Options {
        fsync: Fsync::Off,
        settings: settings.iter().map(owned).collect(),
    }
}

#[test]
fn what_was_committed_survives_a_kill() {
    let postgres = Postgres::start().unwrap();
    assert_eq!(postgres.query(&postgres.uri(), "SHOW fsync").unwrap(), "on");
    let database = postgres.create_database().unwrap();
    let kept = "CREATE TABLE kept AS SELECT 1 AS one, 'two' AS two";
    postgres.query(&database, kept).unwrap();
    let (uri, pid) = (postgres.uri(), postgres.pid());
    assert!(pid.is_some());

    postgres.kill().unwrap();
    assert_eq!(postgres.pid(), None);
    assert!(matches!(postgres.stop(), Err(Error::Stopped { .. })));
    postgres.start_again().unwrap();

    assert_eq!(postgres.uri(), uri);
    assert_ne!(postgres.pid(), pid);
    let found = postgres.query(&database, "SELECT * FROM kept").unwrap();
    assert_eq!(found, "1|two");
    let log = postgres.log();
    assert!(log.contains("automatic recovery"), "{log}");
}

#[test]
fn a_server_can_be_stopped_and_set_up() {
    let postgres = Postgres::start_with(&unsynced(&[("work_mem", "5MB")])).unwrap();
    let uri = postgres.uri();
    assert_eq!(postgres.query(&uri, "SHOW work_mem").unwrap(), "5MB");
    assert_eq!(postgres.query(&uri, "SHOW fsync").unwrap(), "off");
    let encoding = postgres.query(&uri, "SHOW server_encoding").unwrap();
    assert_eq!(encoding, "UTF8");
    assert!(matches!(postgres.start_again(), Err(Error::Running { .. })));
    postgres.stop().unwrap();
    let log = postgres.log();
    assert!(log.contains("database system is shut down"), "{log}");
    let told = postgres.query(&uri, "SELECT 1").unwrap_err();
    assert!(matches!(told, Error::Failed { .. }), "{told}");
    postgres.start_again().unwrap();
    assert_eq!(postgres.query(&uri, "SELECT 1").unwrap(), "1");
}

#[test]
fn a_seasoned_server_has_files_of_its_log_to_write_to_again() {
    let server = Postgres::start_with(&unsynced(&[])).unwrap();
    let ahead =
        "SELECT count(*) FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())";
    let count = || server.query(&server.uri(), ahead).unwrap();
    assert_eq!(count().trim(), "0");
    server.season().unwrap();
    assert!(count().trim().parse::<u32>().unwrap() >= 16, "{}", count());
}

#[test]
fn databases_are_apart_and_servers_too() {
    let options = unsynced(&[]);
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| Postgres::start_with(&options).unwrap());
        let other = scope.spawn(|| Postgres::start_with(&options).unwrap());
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_ne!(one.uri(), other.uri());
    let databases = [(); 3].map(|()| one.create_database().unwrap());
    for database in &databases {
        one.query(database, "CREATE TABLE same (id int)").unwrap();
    }
    let count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'database_%'";
    assert_eq!(one.query(&one.uri(), count).unwrap(), "3");
    assert_eq!(other.query(&other.uri(), count).unwrap(), "0");
}

#[test]
fn a_dropped_server_is_gone() {
    let postgres = Postgres::start_with(&unsynced(&[])).unwrap();
    let data = postgres.query(&postgres.uri(), "SHOW data_directory");
    let data = std::path::PathBuf::from(data.unwrap());
    let address = postgres.uri().replace("postgresql://postgres@", "");
    let address = address.replace("/postgres", "");
    assert!(data.exists());
    drop(postgres);
    assert!(!data.parent().unwrap().exists());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_server_that_does_not_start_tells_its_log() {
    let told = Postgres::start_with(&unsynced(&[("no_such_setting", "1")])).unwrap_err();
    let told = told.to_string();
    assert!(told.starts_with("[PE0705] expected PostgreSQL"), "{told}");
    assert!(told.contains("it ended"), "{told}");
    assert!(told.contains("no_such_setting"), "{told}");
}
