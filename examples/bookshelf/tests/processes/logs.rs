//! What programs log, and what they do not.

use rustix::process::Signal;
use serde_json::Value;

use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};
use crate::web::{get_when_there, request};

on_every_tier!(a_log_has_a_line_for_each_message_and_neither_payloads_nor_passwords);

const PASSWORD: &str = "hunter2";

const ORDER: &str =
    r#"{"customer_name":"Ophelia","book_title":"Dune","quantity":2,"unit_price_amount":"9.99"}"#;

/// Has the shop's programs send a password, which a server that asks for none ignores.
fn with_password(shop: &Shop) {
    let toml = std::fs::read_to_string(shop.path().join("domain.toml")).unwrap_or_default();
    let (scheme, account) = ("postgresql://", "@");
    let Some((before, rest)) = toml.split_once(scheme) else {
        return;
    };
    let (user, after) = rest.split_once(account).unwrap();
    shop.write(
        "domain.toml",
        format!("{before}{scheme}{user}:{PASSWORD}{account}{after}"),
    );
}

/// The log of a server that handles an order, with these options.
fn log(shop: &Shop, options: &str) -> String {
    let (_api, address) = shop.api();
    let mut server = shop.start(&format!("bookshelf server {options}"));
    server.until("Engine running");
    let header = "x-correlation-id: trace-me\r\ncontent-type: application/json\r\n";
    let order = request(&address, "POST /orders", header, ORDER);
    let path = format!("/orders/{}", order.body["order_id"].as_str().unwrap());
    get_when_there(&address, &path);
    shop.settled();
    assert_eq!(server.stop(Signal::TERM), 0);
    shop.log()
}

fn a_log_has_a_line_for_each_message_and_neither_payloads_nor_passwords(tier: Tier) {
    let shop = Shop::on(tier);
    with_password(&shop);
    let log = log(&shop, "--log-format json --log-level trace");
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|it| serde_json::from_str(it).ok())
        .collect();
    let ran = |kind: &str| {
        let of_kind = |line: &&Value| line["level"] == "DEBUG" && line["type"] == kind;
        let found: Vec<&Value> = lines.iter().filter(of_kind).collect();
        assert!(!found.is_empty(), "nothing of {kind}: {log}");
        for line in found {
            assert_eq!(line["correlation_id"], "trace-me", "{line}");
            assert_eq!(line["lane"], "primary", "{line}");
        }
    };
    ran("Bookshelf.PlaceOrder.v1");
    ran("Bookshelf.OrderPlaced.v1");
    let batches = lines.iter().filter(|line| line["message"] == "batch");
    let batches: Vec<&Value> = batches.collect();
    assert!(batches.len() >= 2, "{log}");
    for batch in batches {
        assert_eq!(batch["correlation_id"], "trace-me", "{batch}");
        assert_eq!(batch["other_correlations"], 0, "{batch}");
    }
    assert!(!log.contains("Ophelia"), "a payload is in the log");
    assert!(!log.contains(PASSWORD), "a password is in the log");
}

#[test]
fn a_line_about_a_batch_names_one_request_and_counts_the_others() {
    const BOOKS: u64 = 40;
    let shop = Shop::new();
    shop.write_catalog(BOOKS);
    shop.succeed("import_vintage_press catalog.csv");
    let mut server = shop.start("bookshelf server --log-format json --log-level info");
    server.until("Engine running");
    shop.settled();
    assert_eq!(server.stop(Signal::TERM), 0);
    let log = shop.log();
    let lines = log
        .lines()
        .filter_map(|it| serde_json::from_str::<Value>(it).ok());
    let batches: Vec<Value> = lines.filter(|line| line["message"] == "batch").collect();
    let number = |line: &Value, field: &str| line[field].as_u64().unwrap();
    let run: u64 = batches.iter().map(|line| number(line, "run")).sum();
    assert_eq!(run, 2 * BOOKS, "commands and events: {log}");
    for batch in batches.iter().filter(|line| number(line, "run") > 0) {
        assert!(!batch["correlation_id"].as_str().unwrap().is_empty());
        let others = number(batch, "other_correlations");
        assert_eq!(others, number(batch, "run") - 1, "each row is a request");
    }
}

#[test]
fn payloads_are_logged_for_whoever_asks() {
    let shop = Shop::new();
    let log = log(&shop, "--log-level debug --log-payloads");
    assert!(log.contains("Ophelia"), "{log}");
    assert!(log.contains("correlation_id=trace-me"), "{log}");
}

#[test]
fn a_database_that_refuses_does_not_give_its_password_away() {
    let shop = Shop::new();
    for uri in [
        "postgresql://shop:hunter2@127.0.0.1:1/bookshelf",
        "postgresql://shop:hunter2@127.0.0.1:port/bookshelf",
    ] {
        let toml = "[databases.default]\nprovider = \"postgresql\"\ndatabase_uri = ";
        shop.write("domain.toml", format!("{toml}\"{uri}\"\n"));
        for line in [
            "server --log-level trace",
            "server --check",
            "subscriptions status",
        ] {
            let output = shop.run(&format!("bookshelf {line}"));
            assert!(!output.status.success());
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.contains("[PE0201]"), "{line}: {told}");
            assert!(!told.contains(PASSWORD), "{line}: {told}");
        }
    }
}
