//! The chapter's three terminals.

use std::time::{Duration, Instant};

use protean::cli::grouped;
use rustix::process::Signal;

use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};
use crate::web;

on_every_tier!(the_three_terminals_do_what_the_chapter_prints);

/// As many as in the chapter, and fewer where each of them takes longer.
const ROWS: u64 = 50_000;
const ROWS_ON_SERVERS: u64 = 10_000;

/// What one line of progress stands for.
const ROWS_PER_LINE: u64 = 10_000;

/// Between two orders: a shop that has one after the other has no room for an import.
const ORDER_PAUSE: Duration = Duration::from_millis(50);

/// Far above what it takes, and far below what waiting for the import would take.
const ACCEPTED_MAX: Duration = Duration::from_secs(1);
const HANDLED_MAX: Duration = Duration::from_secs(2);

fn the_three_terminals_do_what_the_chapter_prints(tier: Tier) {
    let shop = Shop::on(tier);
    let rows = match tier {
        Tier::Sqlite => ROWS,
        Tier::Postgres | Tier::Redis => ROWS_ON_SERVERS,
    };
    shop.write_catalog(rows);
    let all = grouped(rows);

    // Terminal 1.
    let mut server = shop.start("protean server --domain bookshelf");
    let subscriptions = [
        "  BookCommandHandler -> bookshelf::book:command",
        "  BookCatalogProjector -> bookshelf::book",
        "  OrderCommandHandler -> bookshelf::order:command",
        "  OrderSummaryProjector -> bookshelf::order",
    ];
    for expected in subscriptions {
        assert_eq!(server.until("  "), expected);
    }
    assert_eq!(
        server.until("Engine"),
        "Engine running. Press Ctrl+C to stop."
    );
    let (api, address) = shop.api();

    // Terminal 2.
    let mut import = shop.start("import_vintage_press catalog.csv");
    assert_eq!(
        import.until("Importing"),
        format!("Importing {all} books with BULK priority...")
    );

    // Terminal 3.
    let mut orders = 0;
    while import.is_running() {
        order_at_once(&address);
        orders += 1;
        // sleep: customers come now and then
        std::thread::sleep(ORDER_PAUSE);
    }
    assert!(orders > 0, "the import was over before the first order");
    let mut lines: Vec<String> = (1..=rows / ROWS_PER_LINE)
        .map(|nth| format!("Progress: {} / {all}", grouped(nth * ROWS_PER_LINE)))
        .collect();
    lines.push(format!(
        "Import complete: {all} books imported with BULK priority."
    ));
    assert_eq!(import.rest(), lines);

    let table = shop.succeed("protean subscriptions status --domain bookshelf");
    let headings = "Subscription           Stream                    Lag (primary)  Lag (backfill)";
    assert!(table.starts_with(headings), "{table}");
    for (line, subscription) in table.lines().skip(1).zip(subscriptions) {
        let (name, stream) = subscription.trim().split_once(" -> ").unwrap();
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(cells[..3], [name, stream, "0"], "{table}");
    }

    shop.settled();
    shop.assert_books_exactly_once(rows);
    assert_eq!(shop.count("SELECT count(*) FROM order_summary"), orders);
    assert_eq!(shop.count("SELECT count(*) FROM \"order\""), orders);
    assert_eq!(api.stop(Signal::TERM), 0);
    assert_eq!(server.stop(Signal::INT), 0);
}

/// An order that is accepted and handled as if there was no import.
fn order_at_once(address: &str) {
    let asked = Instant::now();
    let order =
        r#"{"customer_name":"Ada","book_title":"Dune","quantity":2,"unit_price_amount":9.99}"#;
    let answer = web::post(address, "/orders", order);
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(
        asked.elapsed() < ACCEPTED_MAX,
        "an order waited for the import"
    );
    let path = format!("/orders/{}", answer.body["order_id"].as_str().unwrap());
    let seen = web::get_when_there(address, &path);
    assert_eq!(seen.body["total"], "19.98");
    assert!(
        asked.elapsed() < HANDLED_MAX,
        "an order waited for the import"
    );
}
