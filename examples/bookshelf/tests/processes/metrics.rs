//! What a server says of itself at its own port.

use std::collections::BTreeSet;

use rustix::process::Signal;

use crate::program::Program;
use crate::servers::NO_SERVER;
use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};
use crate::web::get_text;

on_every_tier!(a_server_tells_how_it_fares, conditions_make_a_status_fail);

/// Where programs of the shop have their metrics, in the order they said so.
fn addresses(shop: &Shop) -> Vec<String> {
    let log = shop.log();
    let lines = log.lines();
    lines
        .filter_map(|line| {
            line.strip_prefix("Metrics at http://")?
                .strip_suffix("/metrics")
        })
        .map(str::to_owned)
        .collect()
}

/// A histogram has two numbers beside its buckets.
fn without_suffix(name: &str) -> &str {
    let mut suffixes = ["_sum", "_count"].into_iter();
    let metric = suffixes.find_map(|suffix| name.strip_suffix(suffix));
    metric.unwrap_or(name)
}

/// A server, and where it has its metrics.
pub fn server(shop: &Shop) -> (Program, String) {
    let mut server = shop.start("bookshelf server --metrics-port 0");
    server.until("Engine running");
    (server, addresses(shop).pop().unwrap())
}

fn a_server_tells_how_it_fares(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(30);
    shop.succeed("import_vintage_press catalog.csv");
    let (server, address) = server(&shop);
    shop.settled();
    assert_eq!(get_text(&address, "/livez"), (200, "ok\n".to_owned()));
    assert_eq!(get_text(&address, "/readyz"), (200, "ok\n".to_owned()));
    assert_eq!(get_text(&address, "/else").0, 404);
    let (status, text) = get_text(&address, "/metrics");
    assert_eq!(status, 200);
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
    let names = scrape.samples.iter().map(|one| &*one.metric);
    let told: BTreeSet<&str> = names.map(without_suffix).collect();
    let mut known = BTreeSet::new();
    for metric in protean::metrics::ALL {
        let always = match metric.name {
            name if name.starts_with("protean_outbox") => tier == Tier::Redis,
            name if name.starts_with("protean_connections") => tier != Tier::Sqlite,
            name => name != "protean_backfill_stalled_seconds",
        };
        assert_eq!(told.contains(metric.name), always, "{}", metric.name);
        known.insert(metric.name);
    }
    assert!(told.is_subset(&known), "{told:?}");
    let series = "protean_messages_handled_total{lane=\"backfill\",stream=\"bookshelf::book:command\",\
                  subscription=\"BookCommandHandler\"} 30";
    assert!(text.contains(series), "{text}");
    assert_eq!(server.stop(Signal::TERM), 0);
}

fn conditions_make_a_status_fail(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(3);
    shop.succeed("import_vintage_press catalog.csv");
    let status = |conditions: &str| {
        let line = format!("bookshelf subscriptions status --fail-on {conditions}");
        let output = shop.run(&line);
        let told = String::from_utf8(output.stderr).unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code().unwrap(),
            table.starts_with("Subscription"),
            told.trim_start_matches(NO_SERVER).to_owned(),
        )
    };
    assert_eq!(
        status("backfill.lag>3,primary.lag>0,backfill.oldest>1h"),
        (0, true, String::new())
    );
    let (code, printed, told) = status("backfill.lag>2,primary.lag>0");
    assert_eq!((code, printed), (1, true));
    insta::assert_snapshot!(told, @"error: [PE0958] backfill.lag>2 holds for BookCommandHandler on bookshelf::book:command: 3");
    let (code, printed, told) = status("backfil.lag>2");
    assert_eq!((code, printed), (2, false));
    assert!(told.contains("did you mean `backfill`?"), "{told}");
    let json = shop.run("bookshelf subscriptions status --json --fail-on backfill.lag>=3");
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["status"], "fail");
    assert_eq!(json["diagnostics"][0]["code"], "PE0958");
    assert_eq!(
        json["data"]["subscriptions"][0]["lanes"]["backfill"]["lag"],
        3
    );
}

#[test]
fn a_port_that_is_taken_and_one_that_makes_no_sense() {
    let shop = Shop::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    shop.configure(&format!("[server.metrics]\nport = {port}\n"));
    let _server = shop.server();
    let address = addresses(&shop).pop().unwrap();
    assert!(!address.ends_with(&format!(":{port}")), "{address}");
    assert_eq!(get_text(&address, "/readyz").0, 200);
    shop.write("domain.toml", "[server.metrics]\naddress = \"192.0.2.1\"\n");
    let output = shop.run("bookshelf server");
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("[PE0959] cannot listen for metrics at 192.0.2.1"),
        "{told}"
    );
}

#[test]
fn every_worker_has_a_port_and_none_has_one_when_metrics_are_off() {
    let shop = Shop::new();
    let mut server = shop.start("bookshelf server --workers 2 --metrics-port 0");
    server.until("Engine running");
    let all = addresses(&shop);
    assert_eq!(all.len(), 2);
    for address in &all {
        assert_eq!(get_text(address, "/readyz").0, 200);
    }
    assert_eq!(server.stop(Signal::TERM), 0);
    shop.write("domain.toml", "[server]\nmetrics = false\n");
    let _server = shop.server();
    assert_eq!(addresses(&shop).len(), 2);
}

#[test]
fn a_server_whose_store_is_away_lives_and_is_not_ready() {
    let shop = Shop::with(crate::tier::Database::behind_a_proxy(), None);
    let (_server, address) = server(&shop);
    shop.proxy().refuse().unwrap();
    wait_until("not ready", || get_text(&address, "/readyz").0 == 503);
    assert_eq!(get_text(&address, "/livez").0, 200);
    let (status, text) = get_text(&address, "/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("\nprotean_ready 0\n"), "{text}");
    shop.proxy().accept().unwrap();
    wait_until("ready again", || get_text(&address, "/readyz").0 == 200);
}
