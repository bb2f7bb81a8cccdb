//! Bulk work that an operator pauses, resumes or limits.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::customer::Orders;
use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};

on_every_tier!(
    what_is_asked_of_lanes_is_told,
    a_paused_import_stands_still_and_orders_do_not,
    a_rate_is_kept_by_all_workers_together,
);

/// More than Redis holds of a lane, so that its window is full while nothing is handled.
const ROWS: u64 = 12_000;

/// How many books are in the shop when the import is paused.
const SOME: u64 = 200;

/// Within this time every process does what was asked.
const EFFECTIVE_WITHIN: Duration = Duration::from_secs(1);

fn refused(shop: &Shop, line: &str) -> String {
    let output = shop.run(line);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn what_is_asked_of_lanes_is_told(tier: Tier) {
    let shop = Shop::on(tier);
    let lanes = |arguments: &str| shop.succeed(&format!("bookshelf lanes {arguments}"));
    insta::assert_snapshot!(lanes("resume"), @"Every backfill lane of bookshelf was neither paused nor limited; nothing has changed.");
    insta::assert_snapshot!(lanes("pause"), @"Every backfill lane of bookshelf is paused.");
    insta::assert_snapshot!(lanes("limit --rate 0.5 --subscription BookCommandHandler"), @"The backfill lane of BookCommandHandler is limited to 0.5 messages per second. The whole domain is paused.");
    insta::assert_snapshot!(lanes("limit --rate 1500"), @"Every backfill lane of bookshelf is limited to 1,500 messages per second. BookCommandHandler is limited to 0.5 messages per second.");
    insta::assert_snapshot!(lanes("status"), @r"
    Backfill lane of       Asked    Holds
    bookshelf              1,500/s  1,500/s
    BookCommandHandler     0.5/s    0.5/s
    BookCatalogProjector   -        1,500/s
    OrderCommandHandler    -        1,500/s
    OrderSummaryProjector  -        1,500/s
    ");
    insta::assert_snapshot!(lanes("resume --subscription BookCommandHandler --json"), @r#"{"version":1,"status":"pass","data":{"before":{"limit_per_second":0.5,"state":"limited"},"changed":true,"domain":"bookshelf","now":{"limit_per_second":null,"state":"running"},"subscription":"BookCommandHandler"},"diagnostics":[]}"#);
    let lane = &shop.status()[0]["lanes"]["backfill"];
    assert_eq!(
        [&lane["state"], &lane["limit_per_second"]],
        [&json!("limited"), &json!(1_500.0)]
    );
    let table = shop.succeed("bookshelf subscriptions status");
    let last_cell = |line: &str| line.split_whitespace().last().map(str::to_owned);
    let cells: Vec<_> = table.lines().filter_map(last_cell).collect();
    assert_eq!(
        cells,
        ["Backfill", "1,500/s", "1,500/s", "1,500/s", "1,500/s"]
    );

    insta::assert_snapshot!(refused(&shop, "bookshelf lanes pause --subscription BookComandHandler"), @"error: [PE0507] expected a subscription of this domain, found `BookComandHandler`; did you mean `BookCommandHandler`?");
    insta::assert_snapshot!(refused(&shop, "bookshelf lanes resume --subscription Nobody"), @"error: [PE0507] expected a subscription of this domain, found `Nobody`; `lanes status` shows those there are");
    insta::assert_snapshot!(refused(&shop, "bookshelf lanes limit --rate 0"), @r"
    error: invalid value '0' for '--rate <N>': [PE0141] expected a rate above 0, found 0; to stop the lane, pause it

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refused(&shop, "bookshelf lanes limit --rate -1"), @r#"
    error: invalid value '-1' for '--rate <N>': [PE0142] expected messages per second as a number from 0.001 to 1000000000, such as 500 or 0.5, found "-1"

    For more information, try '--help'.
    "#);
}

/// What was asked is done by now.
fn effective() {
    // sleep: that servers have looked has no signal; that it takes no longer is the claim
    std::thread::sleep(EFFECTIVE_WITHIN);
}

fn a_paused_import_stands_still_and_orders_do_not(tier: Tier) {
    let shop = Shop::on(tier);
    let handled =
        || shop.count("SELECT (SELECT count(*) FROM book) + (SELECT count(*) FROM book_catalog)");
    shop.write_catalog(ROWS);
    let (_api, address) = shop.api();
    // Slow enough to be paused in the middle, however fast the machine is.
    shop.succeed("bookshelf lanes limit --rate 1500");
    let server = shop.server();
    let mut import = shop.start("import_vintage_press catalog.csv");
    wait_until("some books", || {
        shop.count("SELECT count(*) FROM book") >= SOME
    });
    shop.succeed("bookshelf lanes pause");
    effective();
    let paused_at = handled();
    assert!(paused_at < 2 * ROWS, "the import was over too soon");
    let mut orders = Orders::default();
    orders.place(&address);
    crate::web::get_when_there(&address, &orders.accepted[0]);
    wait_until("the end of the import", || !import.is_running());
    assert_eq!(import.exit_code(), Some(0), "it was not accepted");
    assert_eq!(handled(), paused_at, "backfill was handled while paused");

    // A server that starts later knows of it from the start.
    server.kill();
    let _server = shop.server();
    orders.place(&address);
    crate::web::get_when_there(&address, &orders.accepted[1]);
    effective();
    assert_eq!(handled(), paused_at, "backfill was handled while paused");
    assert!(shop.backfill_lag() > 0);
    let status = shop.succeed("bookshelf subscriptions status");
    let first = status.lines().nth(1).unwrap();
    assert!(first.ends_with(" -    paused"), "{status}");

    // One subscription alone goes on, since the other is asked to stand still itself.
    shop.succeed("bookshelf lanes pause --subscription BookCatalogProjector");
    let entries = || shop.count("SELECT count(*) FROM book_catalog");
    let entries_before = entries();
    shop.succeed("bookshelf lanes resume");
    wait_until("all books", || {
        shop.count("SELECT count(*) FROM book") == ROWS
    });
    assert_eq!(entries(), entries_before, "a paused subscription went on");
    shop.succeed("bookshelf lanes resume --subscription BookCatalogProjector");
    shop.settled();
    shop.assert_books_exactly_once(ROWS);
    orders.assert_exactly_once(&shop, &address);
    shop.assert_no_errors();
}

/// Were the rate each worker's own, it would take half the time on tiers where workers share a
/// subscription.
fn a_rate_is_kept_by_all_workers_together(tier: Tier) {
    const RATE: u32 = 200;
    const SECONDS: u32 = 4;
    let shop = Shop::on(tier);
    shop.write_catalog(u64::from(RATE * SECONDS));
    shop.succeed("import_vintage_press catalog.csv");
    let limit = format!("bookshelf lanes limit --rate {RATE} --subscription BookCommandHandler");
    shop.succeed(&limit);
    let mut server = shop.start("bookshelf server --workers 2");
    server.until("Engine running");
    let started = Instant::now();
    let books = || shop.count("SELECT count(*) FROM book");
    wait_until("some books", || books() > 0);
    // By now both workers know of each other.
    effective();
    let (from, since) = (books(), Instant::now());
    shop.settled();
    let rest = f64::from(RATE * SECONDS) - from as f64;
    let rate = rest / since.elapsed().as_secs_f64();
    let all = started.elapsed();
    assert!(
        rate < 1.2 * f64::from(RATE),
        "{rate} per second, in {all:?}"
    );
    assert!(
        rate > 0.5 * f64::from(RATE),
        "{rate} per second, in {all:?}"
    );
    shop.assert_books_exactly_once(u64::from(RATE * SECONDS));
}
