//! The servers that are alive, as whoever operates them sees them.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::program::Program;
use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};

on_every_tier!(servers_are_shown_for_as_long_as_they_live);

/// How long a server may be shown that was killed: far longer than it takes, on a busy machine.
const GONE_MAX: Duration = Duration::from_secs(20);

/// What is said while there is none.
pub const NO_SERVER: &str =
    "no server is running: what waits is handled as soon as one is started with `server`\n";

/// The servers that `subscriptions status --json` tells of.
fn servers(shop: &Shop) -> Vec<Value> {
    let text = shop.succeed("bookshelf subscriptions status --json");
    let status: Value = serde_json::from_str(&text).unwrap();
    status["data"]["servers"].as_array().unwrap().clone()
}

/// Their processes.
fn pids(shop: &Shop) -> Vec<u64> {
    let all = servers(shop);
    all.iter().map(|one| one["pid"].as_u64().unwrap()).collect()
}

fn pid(program: &Program) -> u64 {
    program.child.id().into()
}

/// The exit code and what was said of a status with this condition.
fn with_condition(shop: &Shop, condition: &str) -> (Option<i32>, String) {
    let output = shop.run(&format!(
        "bookshelf subscriptions status --fail-on {condition}"
    ));
    let told = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), told)
}

fn servers_are_shown_for_as_long_as_they_live(tier: Tier) {
    let shop = Shop::on(tier);
    assert_eq!(
        with_condition(&shop, "servers>0"),
        (Some(0), NO_SERVER.to_owned())
    );
    let (code, told) = with_condition(&shop, "servers<1,primary.lag>0");
    assert_eq!(code, Some(1));
    let found = "error: [PE0880] servers<1 holds: 0 servers are alive\n";
    assert_eq!(told, format!("{NO_SERVER}{found}"));

    let (first, second) = (shop.server(), shop.server());
    let both = [pid(&first), pid(&second)];
    wait_until("both are shown", || pids(&shop) == both);
    let subscriptions = shop.status().len();
    // On one file a subscription is one server's, and elsewhere everybody's.
    let parts = match tier {
        Tier::Sqlite => subscriptions,
        Tier::Postgres | Tier::Redis => 2 * subscriptions,
    };
    wait_until("they take part in everything", || {
        let all = servers(&shop);
        let parts_of = |one: &Value| one["subscriptions"].as_array().unwrap().len();
        all.iter().map(parts_of).sum::<usize>() == parts
    });
    for one in servers(&shop) {
        assert_eq!(
            (&one["state"], &one["worker"]),
            (&"running".into(), &1.into())
        );
        assert!(one["seen_seconds_ago"].as_f64().unwrap() <= 5.0, "{one}");
        assert!(!one["host"].as_str().unwrap().is_empty(), "{one}");
    }
    let table = shop.succeed("bookshelf subscriptions status");
    assert!(table.contains("\n\nServer"), "{table}");
    assert_eq!(with_condition(&shop, "servers<2"), (Some(0), String::new()));

    first.kill();
    let killed = Instant::now();
    wait_until("the killed one is gone", || pids(&shop) == both[1..]);
    assert!(killed.elapsed() < GONE_MAX, "{:?}", killed.elapsed());
    assert_eq!(second.stop(Signal::TERM), 0);
    assert_eq!(
        servers(&shop),
        [Value::Null; 0],
        "who stops says goodbye at once"
    );
}

#[test]
fn workers_are_servers_with_a_number_each() {
    let shop = Shop::new();
    let mut server = shop.start("bookshelf server --workers 2");
    server.until("Engine running");
    let numbers = || {
        let mut numbers: Vec<_> = servers(&shop)
            .iter()
            .map(|one| one["worker"].as_u64())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    wait_until("both workers are shown", || numbers() == [Some(1), Some(2)]);
    assert_eq!(server.stop(Signal::TERM), 0);
    assert_eq!(numbers(), [None; 0]);
}
