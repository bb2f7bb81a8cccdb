//! Price changes of books that are accepted and not handled yet, with each order between lanes.

use crate::shop::Shop;
use crate::tier::{Tier, on_every_tier};
use crate::web::request;

on_every_tier!(
    l8_a_price_change_never_overtakes_the_import_of_its_book,
    without_an_order_between_lanes_some_price_changes_come_too_early,
);

const BOOKS: u64 = 3_000;

/// How many books there are for each one whose price changes.
const CHANGED_EVERY: u64 = 50;

const PRICE: &str = "1234.5";

/// A shop in which an import is accepted, and nothing is handled; the books whose prices change.
fn imported(tier: Tier, order: &str) -> (Shop, Vec<String>) {
    let shop = Shop::on(tier);
    shop.configure(&format!(
        "[server.priority_lanes]\ncross_lane_order = \"{order}\"\n"
    ));
    shop.write_catalog(BOOKS);
    shop.succeed("import_vintage_press catalog.csv");
    let books = shop.texts(&format!(
        "SELECT key FROM protean_message WHERE type = 'Bookshelf.AddBook.v1'
         AND sequence % {CHANGED_EVERY} = 0 ORDER BY sequence DESC"
    ));
    assert_eq!(books.len() as u64, BOOKS / CHANGED_EVERY);
    (shop, books)
}

fn change_prices(address: &str, books: &[String]) {
    for book in books {
        let body = format!("{{\"price_amount\":\"{PRICE}\"}}");
        let line = format!("PUT /books/{book}/price");
        assert_eq!(request(address, &line, "", &body).status, 202);
    }
}

/// In both tables.
fn changed(shop: &Shop) -> [u64; 2] {
    ["book", "book_catalog"].map(|table| {
        shop.count(&format!(
            "SELECT count(*) FROM {table} WHERE price = {PRICE}"
        ))
    })
}

/// Some changes come while no server runs, some while one runs that is killed, some while two
/// workers share what is left.
fn l8_a_price_change_never_overtakes_the_import_of_its_book(tier: Tier) {
    let (shop, books) = imported(tier, "per_key");
    let (_api, address) = shop.api();
    let third = books.len() / 3;
    change_prices(&address, &books[..third]);
    let server = shop.server();
    change_prices(&address, &books[third..2 * third]);
    server.kill();
    let mut server = shop.start("bookshelf server --workers 2");
    server.until("Engine running");
    change_prices(&address, &books[2 * third..]);
    shop.settled();
    let log = shop.log();
    assert!(!log.contains("message failed"), "{log}");
    assert_eq!(changed(&shop), [books.len() as u64; 2]);
    shop.assert_books_exactly_once(BOOKS);
}

fn without_an_order_between_lanes_some_price_changes_come_too_early(tier: Tier) {
    let (shop, books) = imported(tier, "none");
    let (_api, address) = shop.api();
    change_prices(&address, &books);
    let _server = shop.server();
    shop.settled();
    let log = shop.log();
    assert!(log.contains("message failed"), "{log}");
    assert!(log.contains("[PE0111]"), "{log}");
    shop.assert_books_exactly_once(BOOKS);
}
