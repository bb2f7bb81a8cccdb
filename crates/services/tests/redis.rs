//! A Redis server, in each of its modes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use protean_services::redis::{Login, Mode, Options, Persistence, Tls};
use protean_services::{Error, Redis};

#[test]
fn a_server_keeps_nothing_by_itself() {
    let redis = Redis::start(Options::default()).unwrap();
    let (uri, pid) = (redis.uri(), redis.pid().unwrap());
    assert_eq!(redis.info("process_id").unwrap(), pid.to_string());
    redis.command(&["SET", "key", "value"]).unwrap();
    redis.kill().unwrap();
    assert_eq!(redis.pid(), None);
    assert!(matches!(redis.kill(), Err(Error::Stopped { .. })));
    redis.start_again().unwrap();
    assert!(matches!(redis.start_again(), Err(Error::Running { .. })));
    assert_eq!(redis.uri(), uri);
    assert_eq!(redis.command(&["DBSIZE"]).unwrap(), "0");
}

#[test]
fn memory_is_told_and_bounded() {
    let redis = Redis::start(Options {
        max_memory: Some(8 * 1024 * 1024),
        settings: vec![("maxclients".to_owned(), "50".to_owned())],
        ..Options::default()
    });
    let redis = redis.unwrap();
    assert_eq!(redis.info("maxclients").unwrap(), "50");
    let empty = redis.used_memory().unwrap();
    redis.command(&["SETRANGE", "big", "4000000", "x"]).unwrap();
    assert!(redis.used_memory().unwrap() > empty + 4_000_000);
    let more = ["SETRANGE", "bigger", "8000000", "x"];
    redis.command(&more).unwrap();
    let full = redis.command(&["SET", "one", "more"]).unwrap_err();
    assert!(full.to_string().contains("OOM"), "{full}");
    redis.flush_all().unwrap();
    assert_eq!(redis.command(&["DBSIZE"]).unwrap(), "0");
    let told = redis.info("no_such_field").unwrap_err();
    assert!(matches!(told, Error::Answer { .. }), "{told}");
}

#[test]
fn an_append_only_server_keeps_what_it_confirmed() {
    let redis = Redis::start(Options {
        persistence: Persistence::AppendOnly,
        ..Options::default()
    });
    let redis = redis.unwrap();
    assert_eq!(redis.info("aof_enabled").unwrap(), "1");
    redis.command(&["SET", "killed", "1"]).unwrap();
    redis.kill().unwrap();
    redis.start_again().unwrap();
    redis.command(&["SET", "stopped", "1"]).unwrap();
    redis.stop().unwrap();
    redis.start_again().unwrap();
    let kept = redis.command(&["EXISTS", "killed", "stopped"]).unwrap();
    assert_eq!(kept, "2");
}

#[test]
fn only_its_user_gets_in() {
    for user in ["ann", "default"] {
        let redis = Redis::start(Options {
            login: Some(Login {
                user: user.to_owned(),
                password: "open \"sesame\"".to_owned(),
            }),
            ..Options::default()
        });
        let redis = redis.unwrap();
        assert_eq!(redis.command(&["ACL", "WHOAMI"]).unwrap(), user);
        let uri = redis.uri();
        assert!(uri.starts_with(&format!("redis://{user}:open%20%22sesame%22@127.0.0.1:")));
        let anybody = format!("redis://{}", uri.rsplit('@').next().unwrap());
        let answer = cli(&["-u", &anybody, "PING"]);
        assert!(answer.contains("NOAUTH"), "{answer}");
        assert!(cli(&["--no-auth-warning", "-u", &uri, "PING"]).contains("PONG"));
    }
}

#[test]
fn a_cluster_of_one_serves_all_slots() {
    let redis = Redis::start(Options {
        mode: Mode::Cluster,
        persistence: Persistence::AppendOnly,
        ..Options::default()
    });
    let redis = redis.unwrap();
    for _ in 0..2 {
        assert_eq!(redis.info("cluster_enabled").unwrap(), "1");
        for key in ["a", "b", "c"] {
            redis.command(&["SET", key, "value"]).unwrap();
        }
        let slots = redis.command(&["CLUSTER", "SLOTS"]).unwrap();
        let start: Vec<_> = slots.lines().take(3).collect();
        assert_eq!(start, ["0", "16383", "127.0.0.1"], "{slots}");
        redis.kill().unwrap();
        redis.start_again().unwrap();
    }
}

#[test]
fn connections_are_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let tls = certificate(folder.path());
    for mode in [Mode::Single, Mode::Cluster] {
        let redis = Redis::start(Options {
            tls: Some(tls.clone()),
            mode,
            ..Options::default()
        });
        let redis = redis.unwrap();
        redis.command(&["SET", "key", "value"]).unwrap();
        let uri = redis.uri();
        assert!(uri.starts_with("rediss://127.0.0.1:"), "{uri}");
        let plain = uri.replace("rediss://", "redis://");
        let answer = cli(&["-u", &plain, "PING"]);
        assert!(!answer.contains("PONG"), "{answer}");
        redis.stop().unwrap();
        redis.start_again().unwrap();
    }
}

#[test]
fn a_server_that_does_not_start_tells_its_log() {
    let told = Redis::start(Options {
        settings: vec![("no-such-directive".to_owned(), "1".to_owned())],
        ..Options::default()
    });
    let told = told.unwrap_err().to_string();
    assert!(told.starts_with("[PE0705] expected Redis"), "{told}");
    assert!(told.contains("no-such-directive"), "{told}");
}

/// What `redis-cli` says, whether it is an answer or a complaint.
fn cli(arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(arguments).output().unwrap();
    let bytes = [output.stdout, output.stderr].concat();
    String::from_utf8(bytes).unwrap()
}

/// A certificate for 127.0.0.1 that is its own authority.
fn certificate(folder: &Path) -> Tls {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    Tls {
        authority: certificate.clone(),
        certificate,
        key,
    }
}
