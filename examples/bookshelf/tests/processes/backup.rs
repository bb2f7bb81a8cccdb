//! Copies of a shop that is open.

use rustix::process::Signal;

use crate::customer::Customer;
use crate::shop::{Shop, wait_until};
use crate::tier::{Tier, on_every_tier};

on_every_tier!(a_copy_of_a_busy_shop_is_a_shop_of_one_moment_and_goes_on_from_there);

const ROWS: u64 = 6_000;

fn a_copy_of_a_busy_shop_is_a_shop_of_one_moment_and_goes_on_from_there(tier: Tier) {
    let shop = Shop::on(tier);
    shop.write_catalog(ROWS);
    let (_api, address) = shop.api();
    let server = shop.server();
    // Books are handled, and there are more of them than are.
    shop.succeed("bookshelf lanes limit --rate 500");
    let customer = Customer::start(&address);
    let mut import = shop.start("import_vintage_press catalog.csv");
    import.until("Importing");
    wait_until("books are handled, and others wait", || {
        shop.count("SELECT count(*) FROM book") > 0 && shop.backfill_lag() > 0
    });
    let copy = shop.copy();
    assert_eq!(customer.stop().unanswered, 0, "a customer noticed");
    assert_eq!(import.child.wait().unwrap().code(), Some(0));
    shop.succeed("bookshelf lanes resume");
    shop.settled();
    shop.assert_books_exactly_once(ROWS);
    assert_eq!(server.stop(Signal::TERM), 0);

    // What the copy has accepted and not handled is handled there, once.
    let count = |sql: &str| copy.count(&format!("SELECT count(*) FROM {sql}"));
    let accepted = count("protean_message WHERE type = 'Bookshelf.AddBook.v1'");
    assert!(count("book") < accepted, "everything was handled before");
    let _server = copy.server();
    copy.succeed("bookshelf lanes resume");
    copy.settled();
    copy.assert_books_exactly_once(accepted);
    let ordered = count("protean_message WHERE type = 'Bookshelf.PlaceOrder.v1'");
    assert_eq!(count("\"order\""), ordered);
    assert_eq!(count("order_summary"), ordered);
    assert_eq!(copy.succeed("bookshelf dlq list"), "No dead letters.\n");

    // The rest can be imported once more.
    copy.write_catalog(ROWS);
    copy.succeed("import_vintage_press catalog.csv");
    copy.settled();
    copy.assert_books_exactly_once(ROWS);
    copy.assert_no_errors();
}

#[test]
fn a_backup_replaces_nothing_and_is_for_a_file() {
    let shop = Shop::new();
    shop.succeed("bookshelf db setup");
    shop.succeed("bookshelf db backup copy.db");
    let again = shop.run("bookshelf db backup copy.db");
    assert_eq!(again.status.code(), Some(1));
    let told = String::from_utf8(again.stderr).unwrap();
    insta::assert_snapshot!(told, @"error: [PE0205] the backup to copy.db failed: the file exists, and is not replaced");
    let nowhere = shop.run("bookshelf db backup nowhere/copy.db");
    assert_eq!(nowhere.status.code(), Some(1));
    let shop = Shop::on(Tier::Postgres);
    let server = shop.run("bookshelf db backup copy.db");
    assert_eq!(server.status.code(), Some(2));
    let told = String::from_utf8(server.stderr).unwrap();
    assert!(told.contains("pg_dump"), "{told}");
}
